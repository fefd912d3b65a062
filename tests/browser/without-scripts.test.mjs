// Everything the pages can do, with scripts switched off: one small check for each.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, serve, truth, visit } from "./harness.mjs";

const LONG_WAIT = "req_01M7QGFP4Z7RT7ZZGYQE2G9KB0";
const path = `/r/${LONG_WAIT}`;

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([serve("sample-logs", "--no-follow"), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

function plain(name, address, what, view = {}) {
  test(name, () =>
    visit(browser, server.url, { scripts: false, ...view }, async (page) => {
      await page.goto(address);
      assert.equal(await page.locator("#main").count(), 1);
      await what(page);
    }));
}

const asked = (page, key) => new URL(page.url()).searchParams.get(key);
const ids = (page) => page.locator(".requests .rid a").evaluateAll((links) => links.map((link) => link.getAttribute("href")));
const steps = (page) => page.locator("#timeline .step");
/** Follows a link of the timeline by the name of its tool. */
const use = (page, name) => page.locator(`[data-tool="${name}"]`).click();
/** Left edge and width of the pieces of a bar, as the server drew them. */
const bars = (page) => page.locator(".piece").evaluateAll((pieces) => pieces.map((piece) => [piece.getAttribute("x"), piece.getAttribute("width")].join(" ")));

plain("the box finds a request by any id", "/", async (page) => {
  await page.locator("#search").fill(truth.find((request) => request.request_id === LONG_WAIT).ids.task[0]);
  await page.locator("#search").press("Enter");
  assert.equal(new URL(page.url()).pathname, path);
});

plain("the box takes a query", "/", async (page) => {
  await page.locator("#search").fill("status:failed");
  await page.locator("#search").press("Enter");
  assert.equal(asked(page, "q"), "status:failed");
  assert.ok((await ids(page)).length > 0);
});

plain("the resolver leads to the request, or lets the reader choose", `/go?id=${LONG_WAIT}`, async (page) => {
  assert.equal(new URL(page.url()).pathname, path);
  await page.goto(`/go?id=${LONG_WAIT.slice(0, 8)}`);
  assert.match(await page.locator("h1").innerText(), /can be meant by/);
  await page.locator(".rid a").first().click();
  assert.ok(new URL(page.url()).pathname.startsWith("/r/"));
});

plain("the list sorts by a column, both ways", "/", async (page) => {
  const seconds = (rows) => rows.map((text) => Number(text.match(/[\d.]+/)[0]) * { ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }[text.match(/[a-zµ]+/)[0]]);
  const totals = async () => seconds((await page.locator(".requests .total b").allInnerTexts()).filter((text) => /\d/.test(text)));
  await page.locator(".requests thead .total a, .requests thead a", { hasText: "total" }).first().click();
  const once = await totals();
  const turned = await page.locator(".requests th[aria-sort]").getAttribute("aria-sort");
  await page.locator(".requests th[aria-sort] a").click();
  const twice = await totals();
  assert.notEqual(await page.locator(".requests th[aria-sort]").getAttribute("aria-sort"), turned);
  const [down, up] = turned === "descending" ? [once, twice] : [twice, once];
  assert.deepEqual(down, [...down].sort((a, b) => b - a));
  assert.deepEqual(up, [...up].sort((a, b) => a - b));
});

plain("a facet narrows the list, its chip takes that back", "/", async (page) => {
  const all = await page.locator(".pages").innerText();
  const facet = page.locator(".facets li a:has(small)").first();
  const count = (await facet.locator("small").innerText()).trim();
  await facet.click();
  assert.ok((await page.locator(".pages").innerText()).includes(count), `${count} requests, as the facet said`);
  await page.locator(".chips a").first().click();
  assert.equal(await page.locator(".pages").innerText(), all);
});

plain("the filters open on a narrow window", "/", async (page) => {
  assert.equal(await page.locator(".facets").isVisible(), false);
  await page.locator("label.toggled").click();
  assert.equal(await page.locator(".facets").isVisible(), true);
}, { width: 390, height: 844 });

plain("the list goes on, and no request stands on two pages", "/", async (page) => {
  const first = await ids(page);
  await page.locator("a[rel=next]").click();
  const second = await ids(page);
  assert.equal(second.length, first.length);
  assert.equal(new Set([...first, ...second]).size, first.length * 2);
  await page.locator(".pages a", { hasText: "first" }).click();
  assert.deepEqual(await ids(page), first);
});

plain("the pictures of the list filter and lead on", "/", async (page) => {
  const column = page.locator("svg.plot[aria-label='Requests by total'] a").first();
  await page.goto(await column.getAttribute("href"));
  assert.ok((await ids(page)).length > 0);
  await page.goto("/");
  const mark = await page.locator("svg.plot[aria-label='Requests by start and total'] a[href^='/r/']").first().getAttribute("href");
  assert.ok(mark.startsWith("/r/"));
});

plain("a request is drawn with a bar in every row", path, async (page) => {
  const rows = await steps(page).count();
  assert.ok(rows >= 10);
  for (let i = 0; i < rows; i++) assert.ok((await steps(page).nth(i).locator(".piece").count()) > 0, `row ${i} has a bar`);
  assert.ok(await page.locator("svg.stack").first().isVisible());
  const box = await steps(page).first().locator(".piece").first().evaluate((piece) => piece.getBoundingClientRect().width);
  assert.ok(box >= 1, "the bar has a width without scripts");
});

plain("a caret folds what is below, and unfolds it", path, async (page) => {
  const all = await steps(page).count();
  await page.locator("a.caret").first().click();
  assert.equal(asked(page, "fold") !== null, true);
  assert.ok((await steps(page).count()) < all);
  assert.equal(await page.locator(".step.folded").count(), 1);
  assert.match(await page.locator(".step.folded .below").innerText(), /\d+ steps?/);
  await page.locator(".folded a.caret").click();
  assert.equal(await steps(page).count(), all);
});

plain("everything folds, a level more is shown, everything unfolds", path, async (page) => {
  const all = await steps(page).count();
  await use(page, "fold");
  const top = await steps(page).count();
  assert.ok(top < all);
  await use(page, "more");
  assert.ok((await steps(page).count()) > top);
  await use(page, "unfold");
  assert.equal(await steps(page).count(), all);
});

plain("links zoom in, move along and go back to the whole", path, async (page) => {
  const whole = await bars(page);
  await use(page, "in");
  const zoom = asked(page, "zoom");
  assert.match(zoom, /^-?[\d.]+-[\d.]+$/);
  assert.notDeepEqual(await bars(page), whole);
  await use(page, "later");
  const later = asked(page, "zoom");
  assert.notEqual(later, zoom);
  await use(page, "earlier");
  assert.notEqual(asked(page, "zoom"), later);
  await use(page, "out");
  await page.locator("[data-tool=all]").or(page.locator("[data-tool=in]")).first().click();
  await page.goto(path);
  assert.deepEqual(await bars(page), whole);
});

plain("a part of the overview zooms", path, async (page) => {
  const slice = page.locator(".overview a").nth(3);
  await page.goto(await slice.getAttribute("href"));
  assert.notEqual(asked(page, "zoom"), null);
  assert.equal(await page.locator(".overview .window").count(), 1);
  await use(page, "all");
  assert.equal(asked(page, "zoom"), null);
});

plain("a step opens to its proof, and a link opens it for another reader", path, async (page) => {
  const step = page.locator(".step", { has: page.locator("details") }).first();
  assert.equal(await step.locator(".detail").isVisible(), false);
  await step.locator("summary").first().click();
  assert.equal(await step.locator(".detail").isVisible(), true);
  assert.match(await step.locator(".detail .why").innerText(), /Stands on \S+:\d+/);
  const id = await step.getAttribute("id");
  await page.goto(`${path}?step=${id}`);
  assert.equal(await page.locator(`[id="${id}"] .detail`).isVisible(), true);
});

plain("only what is below one step can be drawn", path, async (page) => {
  const all = await steps(page).count();
  const below = page.locator(".acts a[data-act=root]").nth(1);
  await page.goto(await below.getAttribute("href"));
  assert.ok((await steps(page).count()) < all);
  await use(page, "whole");
  assert.equal(await steps(page).count(), all);
});

plain("the critical path is marked and unmarked", path, async (page) => {
  assert.equal(await page.locator("#timeline rect.path").count(), 0);
  await use(page, "path");
  assert.ok((await page.locator("#timeline rect.path").count()) > 0);
  await use(page, "path");
  assert.equal(await page.locator("#timeline rect.path").count(), 0);
});

plain("gaps are folded with their length written in them, and drawn at length", path, async (page) => {
  assert.equal(await page.locator("table.tree th .break").count(), 1);
  assert.match(await page.locator("table.tree th text.over").textContent(), /^43\.5 s$/);
  const folded = await bars(page);
  await use(page, "gaps");
  assert.equal(await page.locator("table.tree th .break").count(), 0);
  assert.notDeepEqual(await bars(page), folded);
});

plain("clocks that stand off are shifted where the reader asks, and back", path, async (page) => {
  const starts = () => page.locator(".step td:nth-child(3)").allInnerTexts();
  const written = await starts();
  await page.locator(".note a", { hasText: "show with shifted clocks" }).click();
  assert.equal(asked(page, "skew"), "shifted");
  assert.notDeepEqual(await starts(), written);
  await page.locator(".note a", { hasText: "show times as written" }).click();
  assert.deepEqual(await starts(), written);
});

plain("times are written from the begin, of the day, and of a zone", path, async (page) => {
  const start = () => page.locator(".step td:nth-child(3)").first().innerText();
  assert.match(await start(), /^\+/);
  await use(page, "clock");
  assert.equal(await start(), "14:20:31.262");
  await page.goto(`${path}?tz=%2B02:00`);
  assert.equal(await start(), "16:20:31.262");
});

plain("a word finds steps; only matches keeps what is above them; clearing brings all back", path, async (page) => {
  const all = await steps(page).count();
  await page.locator("#timeline .find input[name=find]").fill("gpt");
  await page.locator("#timeline .find input[name=find]").press("Enter");
  assert.equal(await page.locator(".step.match").count(), 2);
  assert.match(await page.locator(".found").innerText(), /^2 of 16 steps match$/);
  await page.locator(".find a", { hasText: "only matches" }).click();
  assert.ok((await steps(page).count()) < all);
  assert.equal(await page.locator(".step.match").count(), 2);
  await page.locator(".find a", { hasText: "clear" }).click();
  assert.equal(await steps(page).count(), all);
});

plain("the parts are grouped by stage, service, operation and attempt", path, async (page) => {
  await page.locator(".every > summary").click();
  for (const by of ["stage", "service", "operation", "attempt"]) {
    await page.locator(".every .toolbar a", { hasText: by }).click();
    assert.equal(asked(page, "group"), by);
    assert.equal(await page.locator(".every").getAttribute("open"), "");
    assert.ok((await page.locator(".every tbody tr").count()) > 0);
  }
});

plain("lines of the request are narrowed by source and by words, and open to what was written", path, async (page) => {
  const all = await page.locator(".log tr[id]").count();
  await page.locator("#lines .set a", { hasText: "gateway.log" }).click();
  assert.equal(await page.locator(".log tr[id]").count(), 2);
  await page.goto(path);
  await page.locator("#lines input[name=text]").fill("model call");
  await page.locator("#lines input[name=text]").press("Enter");
  const left = await page.locator(".log tr[id]").count();
  assert.ok(left > 0 && left < all);
  await page.locator(".log summary").first().click();
  assert.ok(await page.locator(".log .proof").first().isVisible());
});

plain("what people and models said can be hidden", path, async (page) => {
  await use(page, "content");
  assert.equal(asked(page, "content"), "hidden");
});

test("every form of export is served", async () => {
  for (const [ending, type] of [["json", "application/json"], ["ndjson", "application/x-ndjson"], ["md", "text/markdown"], ["perfetto.json", "application/json"], ["otlp.json", "application/json"]]) {
    const answer = await fetch(new URL(`${path}.${ending}`, server.url));
    assert.equal(answer.status, 200, ending);
    assert.ok(answer.headers.get("content-type").startsWith(type), ending);
    assert.ok((await answer.text()).length > 100, ending);
  }
});

plain("the page links to its document", path, async (page) => {
  const link = page.locator("a", { hasText: /^JSON$/ }).first();
  assert.ok((await link.getAttribute("href")).startsWith(`${path}.json`));
});

plain("lines and sources are whole", "/lines", async (page) => {
  assert.equal(await page.locator("#lines tbody tr").count(), 100);
  await page.goto("/sources");
  assert.ok((await page.locator(".sources tbody tr").count()) >= 7);
});

for (const colour of ["light", "dark"]) {
  plain(`the theme is the system's: ${colour}`, path, async (page) => {
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(ground, { light: "rgb(251, 250, 247)", dark: "rgb(19, 21, 25)" }[colour]);
  }, { colour });
}
