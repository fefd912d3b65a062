// A request that is still running, open in a browser while its log grows: what comes is added, the reader is not moved.

import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, serve, watched } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ID = "req_01M7QLIVE0000000000000LIVE";
const log = () => join(logs, "api.log");

let logs;
let server;
let browser;
let begin;
before(async () => {
  logs = mkdtempSync(join(tmpdir(), "throughline-live-"));
  begin = Date.now() - 20_000;
  // Enough rows to scroll, and a task that was taken and has not ended.
  const rows = [line(0, { event: "request received", method: "POST", path: "/v1/reports" })];
  for (let n = 0; n < 60; n++) rows.push(step(100 + n * 100, `table_${n}`));
  rows.push(line(7_000, { event: "task started", task_id: "7a1c52de-90f3-4c11-8f0e-4a3d6a1e0001", task: "reports.build" }));
  writeFileSync(log(), rows.join(""));
  [server, browser] = await Promise.all([serve(logs), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(logs, { recursive: true, force: true });
});

function line(ms, fields) {
  return JSON.stringify({ timestamp: new Date(begin + ms).toISOString(), level: "info", service: "api", request_id: ID, ...fields }) + "\n";
}
function step(ms, table) {
  return line(ms, { event: "db select", table, rows: 1, duration_ms: 40 });
}

/** A page on the request, watched; errors of a stream whose server is gone are expected by who says so. */
async function reader(what, expected = /^$/) {
  const { page, faults, close } = await watched(browser, server.url, { height: 700 });
  try {
    const heard = page.waitForRequest((request) => request.url().endsWith("/live"));
    await page.goto(`/r/${ID}`);
    await heard;
    await page.locator(".live-chip").waitFor();
    await what(page);
    assert.deepEqual(faults().filter((fault) => !expected.test(fault)), []);
  } finally {
    await close();
  }
}
/** Waits until a line's text stands in the log of the page. */
const comes = (page, text) => page.waitForFunction((text) => document.querySelector("#lines").textContent.includes(text), text);

test("a chip says how old the last record is, and the page with it can be read by everyone", () =>
  reader(async (page) => {
    assert.match(await page.locator(".live-chip").innerText(), /^last record \d+ s ago$/);
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run());
    assert.deepEqual(found.violations.map((fault) => `${fault.id}: ${fault.nodes[0].target}`), []);
  }));

test("a new line is a new row, and what is read does not move", () =>
  reader(async (page) => {
    const steps = await page.locator(".step").count();
    await page.evaluate(() => document.querySelectorAll(".step")[30].scrollIntoView({ block: "start" }));
    const place = () => page.evaluate(() => document.querySelectorAll(".step")[32].getBoundingClientRect().top);
    const before = await place();
    appendFileSync(log(), step(12_000, "fresh_one"));
    await page.waitForFunction((n) => document.querySelectorAll(".step").length > n, steps);
    assert.equal(await page.locator(".step", { hasText: "fresh_one" }).count(), 1);
    assert.equal(await place(), before);
  }));

test("what is open stays open, what has the focus keeps it, what is folded stays folded", () =>
  reader(async (page) => {
    const id = await page.locator(".step", { has: page.locator("details") }).nth(4).getAttribute("id");
    const row = page.locator(`[id="${id}"]`);
    await row.locator("summary").first().click();
    const record = page.locator("#lines summary").nth(2);
    await record.click();
    await page.locator(".proofs > summary").click();
    await row.locator(".detail a").first().focus();
    const focused = () => page.evaluate(() => document.activeElement.outerHTML);
    const before = await focused();
    appendFileSync(log(), step(13_000, "fresh_two"));
    await comes(page, "db select");
    await page.locator(".step", { hasText: "fresh_two" }).waitFor();
    assert.equal(await row.locator(".detail").isVisible(), true, "the detail");
    assert.equal(await page.locator("#lines details").nth(2).evaluate((details) => details.open), true, "the record");
    assert.equal(await page.locator(".proofs").evaluate((details) => details.open), true, "the ids");
    assert.equal(await focused(), before);
  }));

test("a word that is being typed is not disturbed, and what came meanwhile is shown after", () =>
  reader(async (page) => {
    const field = page.locator("#timeline .find input[name=find]");
    await field.focus();
    await page.keyboard.type("fre");
    appendFileSync(log(), step(14_000, "fresh_three"));
    // Another reader sees it by now; this one is typing.
    await reader(async (other) => other.locator(".step", { hasText: "fresh_three" }).waitFor());
    await page.keyboard.type("sh");
    assert.equal(await field.inputValue(), "fresh");
    assert.equal(await page.locator(".step", { hasText: "fresh_three" }).count(), 0);
    await page.keyboard.press("Escape");
    await page.locator(".step", { hasText: "fresh_three" }).waitFor();
    assert.equal(await field.inputValue(), "fresh", "what was typed is kept");
  }));

test("a quiet request may be incomplete, and the chip says so", () =>
  reader(async (page) => {
    // Set again each time: the page may be renewed in between.
    await page.waitForFunction(() => {
      document.querySelector("#main").dataset.last = String(Date.now() - 6 * 60_000);
      return document.querySelector(".live-chip").textContent === "quiet for 6 min, may be incomplete";
    });
  }));

test("a stream that is lost is said, and the page stays", async () => {
  await reader(async (page) => {
    const steps = await page.locator(".step").count();
    await server.stop();
    server = null;
    await page.locator(".live-chip", { hasText: "stream lost, reload" }).waitFor();
    assert.equal(await page.locator(".step").count(), steps);
  }, /ERR_(CONNECTION|INCOMPLETE|EMPTY)/);
});
