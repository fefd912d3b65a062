// The pointer on the timeline: measuring, zooming, folding, and the same step lit in the log.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, serve, visit } from "./harness.mjs";

const LONG_WAIT = "/r/req_01M7QGFP4Z7RT7ZZGYQE2G9KB0";

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([serve("sample-logs", "--no-follow"), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

function pointer(name, what) {
  test(name, () =>
    visit(browser, server.url, { height: 1400 }, async (page) => {
      await page.goto(`${LONG_WAIT}?gaps=full`);
      await what(page);
    }));
}

/** Drags over a part of an element, as shares of its width. */
async function drag(page, css, from, to) {
  const box = await page.locator(css).first().boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * ((from + to) / 2), y);
  await page.mouse.move(box.x + box.width * to, y);
  await page.mouse.up();
}
const zoom = (page) => new URL(page.url()).searchParams.get("zoom");
const rows = (page) => page.locator(".step:not([hidden])").count();

pointer("a line with its time follows the pointer over the bars", async (page) => {
  const box = await page.locator("td.bar svg").first().boundingBox();
  await page.mouse.move(box.x + 1, box.y + 5);
  assert.match(await page.locator(".cursor").getAttribute("data-time"), /^(\+\d[\d.]* (ns|µs|ms|s))$/);
  assert.equal(await page.locator(".cursor").isVisible(), true);
  await page.mouse.move(20, 300);
  assert.equal(await page.locator(".cursor").isVisible(), false);
});

pointer("dragging on the bars measures and changes nothing else", async (page) => {
  const before = page.url();
  await drag(page, "td.bar svg", 0.25, 0.75);
  assert.equal(await page.locator(".measure").isVisible(), true);
  // Half of 55.7 s, give or take a pixel.
  assert.match(await page.locator(".measure").getAttribute("data-time"), /^27\.[789] s$/);
  assert.match(await page.locator(".said-now").innerText(), /^27\.[789] s, from \+1[34]\.\d s to \+41\.\d s; f zooms there$/);
  assert.equal(page.url(), before);
  assert.equal(await page.locator(".step details[open]").count(), 0, "the click that ends it opens nothing");
});

pointer("f zooms to what was measured, Escape takes the measure away", async (page) => {
  await drag(page, "td.bar svg", 0.25, 0.75);
  await page.keyboard.press("Escape");
  assert.equal(await page.locator(".measure").isVisible(), false);
  await drag(page, "td.bar svg", 0.25, 0.75);
  await page.keyboard.press("f");
  await page.waitForURL((url) => url.searchParams.has("zoom"));
  const [from, to] = zoom(page).split("-").map(Number);
  assert.ok(to - from > 27_500 && to - from < 28_200, zoom(page));
});

for (const [name, css] of [["the ruler", "th.bar svg"], ["the overview", ".overview svg"]]) {
  pointer(`dragging on ${name} zooms`, async (page) => {
    await drag(page, css, 0.8, 0.2);
    await page.waitForURL((url) => url.searchParams.has("zoom"));
    const [from, to] = zoom(page).split("-").map(Number);
    assert.ok(Math.abs(from - 11_140) < 400 && Math.abs(to - 44_560) < 400, zoom(page));
    await page.locator(".overview .window").waitFor();
    await page.goBack();
    await page.locator(".overview .window").waitFor({ state: "detached" });
    assert.equal(zoom(page), null);
  });
}

pointer("a caret folds without asking the server", async (page) => {
  const all = await rows(page);
  const asked = [];
  page.on("request", (request) => !request.url().includes("/static/") && asked.push(request.url()));
  await page.locator("a.caret").nth(1).click();
  assert.ok((await rows(page)) < all);
  assert.equal(new URL(page.url()).searchParams.get("fold"), await page.locator(".step").nth(1).getAttribute("id"));
  await page.locator("a.caret").nth(1).click();
  assert.equal(await rows(page), all);
  assert.deepEqual(asked, []);
});

pointer("with Alt a caret folds all that is below", async (page) => {
  await page.locator("a.caret").nth(1).click({ modifiers: ["Alt"] });
  const carets = await page.locator(".step a.caret").count();
  assert.equal(await page.locator(".step.folded").count(), carets - 1);
  await page.locator("a.caret").nth(1).click();
  assert.equal(await page.locator(".step.folded").count(), carets - 2, "what is below stays folded");
});

pointer("a click on a row opens it, one more closes it; marking text does not", async (page) => {
  const step = page.locator(".step").first();
  await step.locator("td").nth(2).click();
  assert.equal(await step.locator(".detail").isVisible(), true);
  await step.locator("td").nth(2).click();
  assert.equal(await step.locator(".detail").isVisible(), false);
  await step.locator("td").nth(2).dblclick();
  assert.equal(await step.locator("details").evaluate((details) => details.open), true);
});

pointer("a step is lit with its lines, a line with its step", async (page) => {
  const line = page.locator(".log tr", { has: page.locator(".st a") }).first();
  const id = (await line.locator(".st a").getAttribute("href")).split("#")[1];
  await page.locator(`[id="${id}"] > tr`).first().hover();
  assert.ok((await line.getAttribute("class"))?.includes("lit"), "the line");
  await page.locator("h2").first().hover();
  assert.equal(await page.locator(".lit").count(), 0);
  await line.hover();
  assert.ok((await page.locator(`[id="${id}"]`).getAttribute("class")).includes("lit"), "the step");
});

pointer("tools change the page in place, and Back takes it back", async (page) => {
  await page.evaluate(() => (window.kept = true));
  await page.locator("[data-tool=path]").click();
  await page.waitForURL((url) => url.searchParams.get("path") === "on");
  await page.locator("#timeline rect.path").first().waitFor();
  assert.equal(await page.evaluate(() => window.kept), true);
  await page.goBack();
  await page.locator("#timeline rect.path").first().waitFor({ state: "detached" });
});
