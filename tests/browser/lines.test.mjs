// All lines: search them, read one, go to its request, follow what comes in. With and without scripts, light and dark, on a wide and a narrow
// window; every page must fit its window, keep its console quiet and ask no other host.

import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, serve, visit as visited, watched } from "./harness.mjs";

const windows = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];
const views = [true, false].flatMap((scripts) => ["light", "dark"].flatMap((colour) => windows.map((size) => ({ scripts, colour, ...size }))));

let samples;
let growing;
let logs;
let browser;

/** One line of the log that grows. */
function line(n, text = `job ${n} done`) {
  const at = new Date(Date.UTC(2026, 10, 18, 13, 0, 0) + n * 1000).toISOString();
  return JSON.stringify({ time: at, level: n % 10 === 9 ? "error" : "info", msg: text }) + "\n";
}

before(async () => {
  logs = mkdtempSync(join(tmpdir(), "throughline-lines-"));
  writeFileSync(join(logs, "grow.log"), Array.from({ length: 300 }, (_, n) => line(n)).join(""));
  [samples, growing, browser] = await Promise.all([serve(), serve(logs), launch()]);
});
after(async () => {
  await browser?.close();
  await Promise.all([samples?.stop(), growing?.stop()]);
  rmSync(logs, { recursive: true, force: true });
});

const visit = (server, view, what) => visited(browser, server.url, view, what);

for (const view of views) {
  const named = `${view.scripts ? "with" : "without"} scripts, ${view.colour}, ${view.width} px`;
  test(`a word leads to lines, a line to its request: ${named}`, () =>
    visit(samples, view, async (page, fits) => {
      await page.goto("/lines");
      assert.equal(await page.locator("#lines tbody tr").count(), 100);
      await fits("all lines");
      await page.locator(".ask input[name=q]").fill("finished source:api");
      await page.locator(".ask button").click();
      await page.waitForURL((url) => url.searchParams.get("q") === "finished source:api");
      const marks = await page.locator("#lines summary mark").allInnerTexts();
      assert.ok(marks.length > 0 && marks.every((text) => text.toLowerCase() === "finished"), "the word is marked");
      await page.locator("#lines summary").first().click();
      assert.ok(await page.locator("#lines .proof").first().isVisible(), "the record as it was written");
      await fits("a line that is open");
      await page.locator("#lines td.to a").first().click();
      await page.waitForURL((url) => url.pathname.startsWith("/r/"));
      const anchor = new URL(page.url()).hash;
      assert.equal(await page.locator(`[id="${anchor.slice(1)}"]`).count(), 1, "the line stands on the page of its request");
    }));
}

test("pages go on and a bar narrows", () =>
  visit(growing, { scripts: false }, async (page) => {
    await page.goto("/lines");
    assert.match(await page.locator(".pages").innerText(), /1–100 of 300 lines/);
    await page.locator("#next").click();
    assert.match(await page.locator("#lines .msg").first().innerText(), /job 199 done/);
    await page.goto("/lines");
    const title = await page.locator("svg.plot a").first().locator("title").textContent();
    const href = await page.locator("svg.plot a").first().getAttribute("href");
    await page.goto(href);
    assert.ok((await page.locator(".pages").innerText()).startsWith(title.match(/^\d+ lines?/)[0]), title);
  }));

test("new lines are put on top, held while paused, and the reader stays where they are", () =>
  visit(growing, {}, async (page) => {
    await page.goto("/lines?live=1");
    const first = page.locator("#lines tbody tr .msg").first();
    await page.locator("#follow .chip").waitFor();
    appendFileSync(join(logs, "grow.log"), line(1000, "the first new one <b>bold</b>"));
    await page.waitForFunction(() => document.querySelector("#lines .msg").textContent.includes("the first new one <b>bold</b>"));
    assert.match(await page.locator("#follow .chip").innerText(), /^last record \d+ (s|min|h|d) ago$/);

    await page.locator("#follow button", { hasText: "pause" }).click();
    appendFileSync(join(logs, "grow.log"), line(1001, "held one") + line(1002, "held two"));
    await page.locator("#follow .new", { hasText: "2 new lines" }).waitFor();
    assert.match(await first.innerText(), /the first new one/);
    await page.locator("#follow .new").click();
    assert.match(await first.innerText(), /held two/);

    await page.evaluate(() => document.querySelectorAll("#lines tr")[40].scrollIntoView({ block: "start" }));
    const place = () => page.evaluate(() => document.querySelectorAll("#lines [data-cursor]")[39].getBoundingClientRect().top);
    const before = await place();
    appendFileSync(join(logs, "grow.log"), line(1003, "while reading below"));
    await page.locator("#follow .new", { hasText: "1 new line" }).waitFor({ state: "attached" });
    await page.waitForFunction(() => !document.querySelector("#follow .new").hidden);
    assert.equal(await place(), before, "what is read does not move");
    assert.match(await first.innerText(), /held two/);
    const ids = await page.locator("#lines tbody tr").evaluateAll((rows) => rows.map((row) => row.id));
    assert.equal(new Set(ids).size, ids.length, "no row stands twice");
  }));

test("without scripts a page that follows loads itself again", () =>
  visit(growing, { scripts: false }, async (page) => {
    await page.goto("/lines?live=1");
    appendFileSync(join(logs, "grow.log"), line(2000, "seen by loading again"));
    await page.locator("#lines .msg", { hasText: "seen by loading again" }).first().waitFor({ timeout: 30_000 });
  }));

test("a stream that is lost for good is said and the lines stay", async () => {
  const { page, close } = await watched(browser, growing.url, {});
  try {
    await page.route("**/live", (route) => route.fulfill({ status: 503, body: "64 readers follow already" }));
    await page.goto("/lines?live=1");
    await page.locator("#follow", { hasText: "stream lost" }).waitFor();
    assert.equal(await page.locator("#lines tbody tr").count(), 100);
  } finally {
    await close();
  }
});
