// The pages by keys alone: from the list to a step and back, one tab stop for the rows, and keys that stay out of the way.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, serve, visit } from "./harness.mjs";

const LONG_WAIT = "/r/req_01M7QGFP4Z7RT7ZZGYQE2G9KB0";
const FALLBACK = "/r/req_01M7QDR9APRHT2H0HF90CN64CK";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([serve("sample-logs", "--no-follow"), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

function keys(name, address, what) {
  test(name, () =>
    visit(browser, server.url, {}, async (page) => {
      await page.goto(address);
      await what(page, (key) => page.keyboard.press(key));
    }));
}

/** What has the focus: the id of a row's step, or the element by name. */
const focused = (page) =>
  page.evaluate(() => {
    const here = document.activeElement;
    return here.matches(".step > tr") ? `row ${[...document.querySelectorAll(".step")].filter((step) => !step.hidden).indexOf(here.parentElement)}` : here.id || here.className || here.tagName.toLowerCase();
  });
const asked = (page, key) => new URL(page.url()).searchParams.get(key);
const wish = (page, key, value) => page.waitForURL((url) => url.searchParams.get(key) === value);
const rows = (page) => page.locator(".step:not([hidden])").count();

keys("/ goes to the box, an id in it to the request", "/", async (page, press) => {
  await press("/");
  assert.equal(await focused(page), "search");
  await page.keyboard.type("req_01M7QGFP4Z7RT7ZZGYQE2G9KB0");
  await press("Enter");
  await page.waitForURL((url) => url.pathname === LONG_WAIT);
});

keys("j walks the list, Enter opens, Back returns to where the reader was", "/", async (page, press) => {
  const second = await page.locator(".requests .rid a").nth(1).getAttribute("href");
  await press("j");
  await press("j");
  await press("j");
  await press("k");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("href")), second);
  await press("Enter");
  await page.waitForURL((url) => url.pathname + url.search === second);
  await page.locator("#timeline").waitFor();
  await page.goBack();
  await page.locator(".requests").waitFor();
  assert.equal(new URL(page.url()).pathname, "/");
});

keys(", and . walk the requests in the order of the list", "/", async (page, press) => {
  const [first, second] = await page.locator(".requests .rid a").evaluateAll((links) => links.slice(0, 2).map((link) => link.getAttribute("href")));
  await page.goto(first);
  await press(".");
  await page.waitForURL((url) => url.pathname + url.search === second);
  await press(",");
  await page.waitForURL((url) => url.pathname + url.search === first);
});

keys("the rows are one tab stop", LONG_WAIT, async (page, press) => {
  const stops = await page.evaluate(() => [...document.querySelectorAll("table.tree tbody :is(a, summary, tr, button), table.tree tbody tr")].filter((element) => element.tabIndex >= 0 && element.checkVisibility()).length);
  assert.equal(stops, 1);
  const seen = [];
  for (let i = 0; i < 60 && seen.at(-1) !== "row 0"; i++) {
    await press("Tab");
    seen.push(await focused(page));
  }
  assert.equal(seen.at(-1), "row 0", "Tab comes to the first row");
  await press("Tab");
  assert.ok(!(await focused(page)).startsWith("row"), "and leaves the rows with the next one");
  await press("Shift+Tab");
  assert.equal(await focused(page), "row 0");
});

keys("the first stop leads past the bar to the content", LONG_WAIT, async (page, press) => {
  await press("Tab");
  assert.equal(await focused(page), "skip");
  await press("Enter");
  assert.equal(new URL(page.url()).hash, "#main");
});

keys("j, k, arrows, Home and End walk the rows", LONG_WAIT, async (page, press) => {
  const last = (await rows(page)) - 1;
  const walk = async (key, to) => {
    await press(key);
    assert.equal(await focused(page), `row ${to}`, key);
  };
  await walk("j", 0);
  await walk("j", 1);
  await walk("ArrowDown", 2);
  await walk("ArrowUp", 1);
  await walk("k", 0);
  await walk("k", 0);
  await walk("End", last);
  await walk("j", last);
  await walk("Home", 0);
  await walk("PageDown", Math.min(20, last));
  await walk("PageUp", 0);
});

keys("Enter opens a step, Escape closes it and keeps the focus", LONG_WAIT, async (page, press) => {
  await press("j");
  await press("Enter");
  const detail = page.locator(".step").first().locator(".detail");
  assert.equal(await detail.isVisible(), true);
  await press("Escape");
  assert.equal(await detail.isVisible(), false);
  assert.equal(await focused(page), "row 0");
});

keys("what is inside an open step is reached by Tab", FALLBACK, async (page, press) => {
  await press("e");
  await press("Enter");
  await press("Tab");
  assert.ok(await page.evaluate(() => document.activeElement.closest(".detail") !== null));
});

keys("arrows fold and unfold, and the address says so", LONG_WAIT, async (page, press) => {
  const all = await rows(page);
  const first = await page.locator(".step").first().getAttribute("id");
  await press("j");
  await press("ArrowLeft");
  assert.equal(await rows(page), 1);
  assert.equal(asked(page, "fold"), first);
  assert.equal(await page.locator(".step > tr").first().getAttribute("aria-expanded"), "false");
  await press("ArrowRight");
  assert.equal(await rows(page), all);
  assert.equal(asked(page, "fold"), null);
  await press("ArrowRight");
  assert.equal(await focused(page), "row 1", "then to the step below");
  await press("j");
  await press("ArrowLeft");
  assert.equal(await focused(page), "row 1", "a step with nothing below it: to the one above");
});

keys("a folded address is the same page for another reader", LONG_WAIT, async (page, press) => {
  await press("j");
  await press("j");
  await press("ArrowLeft");
  const left = await rows(page);
  await page.reload();
  assert.equal(await rows(page), left);
});

keys("c, g and t change what is drawn, and back", LONG_WAIT, async (page, press) => {
  for (const [key, name, value] of [["c", "path", "on"], ["g", "gaps", "full"], ["t", "tz", "utc"]]) {
    await press(key);
    await wish(page, name, value);
    await press(key);
    await wish(page, name, null);
  }
});

keys("[ folds all, o a level more, ] unfolds all", LONG_WAIT, async (page, press) => {
  const all = await rows(page);
  await press("[");
  await wish(page, "fold", "0");
  assert.equal(await rows(page), 1);
  await press("o");
  await wish(page, "fold", "1");
  assert.ok((await rows(page)) > 1);
  await press("]");
  await wish(page, "fold", null);
  await page.waitForFunction((n) => document.querySelectorAll(".step:not([hidden])").length === n, all);
});

keys("f fits the step, w and s zoom, a and d move, 0 shows the whole", LONG_WAIT, async (page, press) => {
  await press("j");
  await press("End");
  await press("f");
  await page.waitForURL((url) => url.searchParams.has("zoom"));
  const zooms = [asked(page, "zoom")];
  for (const key of ["w", "s", "a", "d"]) {
    await press(key);
    await page.waitForURL((url) => url.searchParams.get("zoom") !== zooms.at(-1));
    zooms.push(asked(page, "zoom"));
    await page.locator(`[data-tool=all]`).waitFor();
  }
  await press("0");
  await wish(page, "zoom", null);
});

keys("r draws only the step, and everything again", LONG_WAIT, async (page, press) => {
  const all = await rows(page);
  await press("j");
  await press("j");
  await press("r");
  await page.waitForURL((url) => url.searchParams.has("root"));
  assert.ok((await rows(page)) < all);
  await press("r");
  await wish(page, "root", null);
});

keys("l leads from a step to its line and back", LONG_WAIT, async (page, press) => {
  await press("j");
  await press("j");
  const step = await page.evaluate(() => document.activeElement.parentElement.id);
  await press("l");
  assert.equal(await page.evaluate(() => document.activeElement.querySelector(".st a").hash.slice(1)), step);
  await press("l");
  assert.equal(await page.evaluate(() => document.activeElement.parentElement.id), step);
});

keys("e and E walk the failures", FALLBACK, async (page, press) => {
  const failed = await page.locator(".step.failed").evaluateAll((steps) => steps.map((step) => step.id));
  assert.equal(failed.length, 2);
  const here = () => page.evaluate(() => document.activeElement.parentElement.id);
  for (const [key, at] of [["e", 0], ["e", 1], ["e", 0], ["E", 1], ["E", 0]]) {
    await press(key);
    assert.equal(await here(), failed[at], key);
  }
});

keys("n and N walk what was found; Escape ends the search, then the zoom", `${LONG_WAIT}?find=gpt&zoom=43000-60000`, async (page, press) => {
  const found = await page.locator(".step.match").evaluateAll((steps) => steps.map((step) => step.id));
  const here = () => page.evaluate(() => document.activeElement.parentElement.id);
  for (const [key, at] of [["n", 0], ["n", 1], ["N", 0]]) {
    await press(key);
    assert.equal(await here(), found[at], key);
  }
  await press("Escape");
  await wish(page, "find", null);
  assert.notEqual(asked(page, "zoom"), null);
  await press("Escape");
  await wish(page, "zoom", null);
});

keys("digits lead to the stops of the path", LONG_WAIT, async (page, press) => {
  await press("4");
  assert.match(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), /^queue wait wait for briefly\.reviews\.run_review/);
});

keys("keys are dead in fields and with modifiers", LONG_WAIT, async (page, press) => {
  const before = page.url();
  await page.locator("#timeline .find input[name=find]").focus();
  await page.keyboard.type("cgt[0");
  assert.equal(await page.locator("#timeline .find input[name=find]").inputValue(), "cgt[0");
  await press("Escape");
  assert.equal(await focused(page), "body", "Escape leaves the field");
  for (const key of ["Control+g", "Alt+c", "Control+c", "Meta+t"]) await press(key);
  assert.equal(page.url(), before);
});

keys("? lists the keys; there they are switched off, and stay so; ? always works", LONG_WAIT, async (page, press) => {
  await press("?");
  const dialog = page.locator("dialog.keys");
  assert.equal(await dialog.isVisible(), true);
  for (const words of ["next row", "critical path on, off", "to the search box"]) assert.ok((await dialog.innerText()).includes(words), words);
  await dialog.locator("input[type=checkbox]").focus();
  await press("Space");
  await press("Escape");
  assert.equal(await dialog.isVisible(), false);
  const before = page.url();
  await press("c");
  await press("j");
  await press("/");
  assert.equal(await focused(page), "body");
  await page.reload();
  await press("c");
  await press("j");
  assert.equal(await focused(page), "body");
  assert.equal(page.url(), before);
  await press("?");
  assert.equal(await dialog.isVisible(), true);
  await dialog.locator("input[type=checkbox]").focus();
  await press("Space");
  await press("Escape");
  await press("j");
  assert.equal(await focused(page), "row 0");
});

keys("the width of the names is moved by arrows on its border", LONG_WAIT, async (page, press) => {
  const border = page.locator(".border");
  const now = async () => Number(await border.getAttribute("aria-valuenow"));
  await border.focus();
  const before = await now();
  await press("ArrowLeft");
  assert.equal(await now(), before - 16);
  await press("ArrowRight");
  assert.equal(await now(), before);
});

keys("where the focus is can be seen", LONG_WAIT, async (page, press) => {
  await press("Tab");
  for (let i = 0; i < 12; i++) {
    await press("Tab");
    const outline = await page.evaluate(() => { const style = getComputedStyle(document.activeElement); return `${style.outlineStyle} ${style.outlineWidth}`; });
    assert.equal(outline, "solid 2px", await focused(page));
  }
  await press("j");
  assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "solid");
});
