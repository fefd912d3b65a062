// From the list to the answer: open the list, search an id, read where the time went. With and without scripts, light and dark, on a
// wide and a narrow window. Every page must fit its window, keep its console quiet and ask no other host.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { launch, serve, truth, visit as visited } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A request that went through a queue and a model: its page has every part. */
const sample = truth.find((request) => ["edge", "queue_wait", "task", "model"].every((kind) => request.spans.some(([is]) => is === kind)));
const task = sample.ids.task[0];
const windows = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];
const views = [true, false].flatMap((scripts) => ["light", "dark"].flatMap((colour) => windows.map((size) => ({ scripts, colour, ...size }))));

let server;
let browser;
before(async () => {
  [server, browser] = await Promise.all([serve(), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const visit = (view, what) => visited(browser, server.url, view, what);

/** The column of a table under a heading, as text. */
async function column(table, heading) {
  const titles = await table.locator("thead th").allInnerTexts();
  const at = titles.findIndex((title) => title.trim().toLowerCase() === heading);
  assert.notEqual(at, -1, `no column ${heading} in: ${titles.join(", ")}`);
  return (await table.locator(`tbody tr td:nth-child(${at + 1})`).allInnerTexts()).map((text) => text.trim());
}

/** `12.3 %` as tenths of a per cent; `< 0.1 %` counts as nothing. */
function tenths(share) {
  const number = share.match(/^([<>≈]?)\s*(\d+(?:\.\d+)?)\s*%$/);
  assert.ok(number, `a share without its unit: "${share}"`);
  return number[1] === "<" ? 0 : Math.round(Number(number[2]) * 10);
}

for (const view of views) {
  const named = `${view.scripts ? "with" : "without"} scripts, ${view.colour}, ${view.width} px`;
  test(`an id leads from the list to where the time went: ${named}`, () =>
    visit(view, async (page, fits) => {
      await page.goto("/");
      const rows = page.locator("table.rows tbody tr");
      assert.ok((await rows.count()) > 10, "the list shows requests");
      await fits("the list");

      await page.locator("#search").fill(sample.request_id);
      await page.locator("#search").press("Enter");
      await page.waitForURL((url) => url.pathname === `/r/${sample.request_id}`);
      const verdict = await page.locator(".verdict h1").innerText();
      assert.match(verdict, /\d\s(ns|µs|ms|s|min|h)\b/, "the verdict states a time with its unit");
      assert.ok((await page.locator(".ids").innerText()).includes(sample.request_id.slice(0, 8)), "the id is on the page");

      const panels = page.locator(".two table.parts");
      assert.ok((await panels.count()) >= 1, "there is a breakdown");
      for (const panel of await panels.all()) {
        const shares = (await column(panel, "share")).map(tenths);
        const off = Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1000);
        // Each share is rounded to its last digit, so the sum may be off by half of that for each row.
        assert.ok(off <= Math.ceil(shares.length / 2), `the shares add up to ${(1000 + off) / 10} %: ${await column(panel, "share")}`);
        assert.match((await panel.locator("tfoot tr").first().innerText()).replace(/\s+/g, " "), /100 %/);
      }
      assert.ok((await page.locator("#timeline tbody.step").count()) >= 5, "the timeline shows the steps");
      await fits("the request");
    }));
}

test("any id of a request leads to it, and so does its beginning", () =>
  visit({}, async (page) => {
    for (const text of [task, sample.request_id.slice(0, 24), ` "${sample.request_id}" `]) {
      await page.goto("/");
      await page.locator("#search").fill(text);
      await page.locator("#search").press("Enter");
      await page.waitForURL((url) => url.pathname.startsWith("/r/"));
      assert.ok((await page.locator(".ids").innerText()).includes(sample.request_id.slice(0, 8)), `${text} leads to ${sample.request_id}`);
    }
  }));

test("a filter keeps its condition in the address, and a mistake keeps the page", () =>
  visit({ scripts: false }, async (page) => {
    await page.goto("/?q=" + encodeURIComponent("status:failed"));
    const failed = truth.filter((request) => request.outcome === "failed").length;
    assert.ok(failed === 0 || (await page.locator("table.rows tbody tr").count()) > 0, "failed requests are listed");
    await page.goto("/?q=" + encodeURIComponent("dur:>5"));
    assert.match(await page.locator(".note").first().innerText(), /5 has no unit; write 5s or 5ms/);
    assert.ok((await page.locator("table.rows tbody tr").count()) > 10, "the rest of the query still counts");
  }));

test("the document behind a page adds up to the nanosecond", async () => {
  const answer = await fetch(new URL(`/r/${sample.request_id}.json`, server.url));
  assert.equal(answer.status, 200);
  const path = await answer.json();
  assert.equal(path.request_id, sample.request_id);
  for (const breakdown of [path.breakdown, path.completion]) {
    assert.equal(breakdown.segments.reduce((sum, segment) => sum + segment.ns, 0), breakdown.total_ns);
    assert.equal(Object.values(breakdown.by_kind_ns).reduce((sum, ns) => sum + ns, 0), breakdown.total_ns);
  }
});

describe("pages can be read by everyone", () => {
  for (const colour of ["light", "dark"]) {
    for (const size of windows) {
      test(`${colour}, ${size.width} px`, () =>
        visit({ colour, ...size }, async (page) => {
          for (const address of ["/", `/r/${sample.request_id}`, "/sources"]) {
            await page.goto(address);
            await page.evaluate(axe);
            const found = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
            const faults = found.violations.map((fault) => `${address}: ${fault.id}, ${fault.help}, at ${fault.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(" | ")}`);
            assert.deepEqual(faults, []);
          }
        }));
    }
  }
});
