// Two requests side by side, and one beside what is typical: from a request, by the form, by two marked rows. With and without scripts,
// light and dark, on a wide and a narrow window; every page must fit its window, keep its console quiet and ask no other host.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { launch, serve, truth, visit as visited } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const windows = [
  { width: 1440, height: 900 },
  { width: 1024, height: 768 },
  { width: 390, height: 844 },
];
const views = [true, false].flatMap((scripts) => ["light", "dark"].flatMap((colour) => windows.map((size) => ({ scripts, colour, ...size }))));
const [one, other] = truth.filter((request) => request.spans.some(([is]) => is === "queue_wait"));

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

for (const view of views) {
  const named = `${view.scripts ? "with" : "without"} scripts, ${view.colour}, ${view.width} px`;
  test(`a request leads to what is typical, and the form to another one: ${named}`, () =>
    visit(view, async (page, fits) => {
      await page.goto(`/r/${one.request_id}`);
      await page.getByRole("link", { name: "compare with typical" }).click();
      await page.waitForURL((url) => url.searchParams.get("b") === "typical");
      await fits("beside what is typical");
      await page.getByRole("link", { name: "compare A with another request" }).click();
      await fits("the form");
      await page.locator("form.choose input[name=b]").fill(other.request_id);
      await page.locator("form.choose button").click();
      await page.waitForURL((url) => url.searchParams.get("b") === other.request_id);
      assert.match(await page.locator("h1").innerText(), /^B took .+ than A/);
      assert.equal(await page.locator(".largest").count(), 1);
      await fits("two requests");
      await page.locator("h1 a").nth(2).click();
      await page.waitForURL((url) => url.pathname.startsWith("/r/"));
      assert.equal(await page.locator(`[id="${new URL(page.url()).hash.slice(1)}"]`).count(), 1, "the largest part stands on the page of its request");
    }));
}

test("two marked rows of the list are compared", () =>
  visit({ scripts: true, width: 1440, height: 900 }, async (page) => {
    await page.goto("/");
    for (const key of ["j", "x", "j", "x"]) await page.keyboard.press(key);
    await page.waitForURL((url) => url.pathname === "/compare");
    assert.equal(await page.locator(".who thead th").count(), 2);
  }));

for (const colour of ["light", "dark"]) {
  test(`a comparison is accessible: ${colour}`, () =>
    visit({ scripts: true, colour, width: 1440, height: 900 }, async (page) => {
      for (const address of ["/compare", `/compare?a=${one.request_id}&b=${other.request_id}`, `/compare?a=${one.request_id}&b=typical`]) {
        await page.goto(address);
        await page.evaluate(axe);
        const found = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
        assert.deepEqual(found.violations.map((fault) => `${address}: ${fault.id}, ${fault.help}, at ${fault.nodes[0].target.join(" ")}`), []);
      }
    }));
}
