// Draws the pictures of the README and of docs/tour.md, from the sample logs: `node docs/make-screenshots.mjs`.
//
// Needs the release binary, Chromium and the packages of tests/browser (`npm ci --prefix tests/browser`); CHROMIUM and THROUGHLINE_BIN
// name others, as for the tests. With ImageMagick on the PATH the pictures get a palette, which makes them a third of the size.
// Writes the PNG files named below into docs/, nothing else, and fails when one is too heavy for a page or a page had a fault; the server
// and its index live in a temporary folder.

import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { launch, root, serve, watched } from "../tests/browser/harness.mjs";

const LIMIT_KIB = 150;
/** Paper left around what is cut out of a page. */
const MARGIN = 16;

/** A contract that cannot be valid, retried into the dead letters: its page has queue waits, attempts and warnings. */
const failed = "req_01M7QDEYA7CFRCCH4EH6WVA5R8";
/** The slowest summary, and the review that waited longest. */
const slow = "req_01M7QH8XRS66YTKQ56NND0AHJA";
const waited = "req_01M7QGFP4Z7RT7ZZGYQE2G9KB0";

/** Of each page what stands from the top of `from` (else of the page) to the bottom of `to` (else of the window). */
const pictures = [
  { name: "request.png", address: `/r/${failed}`, width: 1440 },
  { name: "list.png", address: "/", width: 1440 },
  { name: "tour-list.png", address: "/?q=prompt:summarise@9&preset=slowest", width: 1600, to: ".requests tbody tr:nth-child(10)" },
  { name: "tour-request.png", address: `/r/${slow}`, width: 1280, to: "#timeline" },
  { name: "tour-wait.png", address: `/r/${waited}`, width: 1280, from: "#timeline", to: "#timeline" },
  { name: "tour-compare.png", address: `/compare?a=${slow}&b=typical`, width: 1280, to: ".panel.parted" },
  { name: "tour-lines.png", address: "/lines?q=RateLimitError", width: 1280, to: ".lines tbody tr:nth-child(10)" },
];

/** The part of a page that a picture shows. */
async function cut(page, { from, to, width }) {
  const box = (selector) => page.locator(selector).first().boundingBox();
  const top = from ? Math.floor((await box(from)).y - MARGIN) : 0;
  const last = to ? await box(to) : { y: 0, height: page.viewportSize().height };
  // A row of a table is followed by the next one: paper below it would show half of that.
  const below = to && !to.includes(" tr") ? MARGIN : 0;
  return { x: 0, y: top, width, height: Math.ceil(last.y + last.height + below) - top };
}

/** Reduces a picture to a palette. Without ImageMagick it stays as it is. */
function reduce(path) {
  for (const program of ["magick", "convert"]) {
    if (spawnSync(program, [path, "+dither", "-colors", "256", "-strip", `PNG8:${path}`]).status === 0) return;
  }
}

/** Draws one picture; what was wrong with it, in words. */
async function draw(browser, url, picture) {
  const { name, address, width } = picture;
  const { page, faults, close } = await watched(browser, url, { width, height: 1000 });
  await page.goto(address, { waitUntil: "load" });
  await page.evaluate(() => document.fonts.ready);
  const path = join(root, "docs", name);
  await page.screenshot({ path, clip: await cut(page, picture), fullPage: true, animations: "disabled" });
  await close();
  reduce(path);
  const kib = Math.ceil(statSync(path).size / 1024);
  console.log(`docs/${name}  ${kib} KiB`);
  const heavy = kib > LIMIT_KIB ? [`${kib} KiB, at most ${LIMIT_KIB}`] : [];
  return [...heavy, ...faults()].map((fault) => `${name}: ${fault}`);
}

const [server, browser] = await Promise.all([serve("sample-logs", "--no-follow"), launch()]);
try {
  for (const picture of pictures) {
    for (const fault of await draw(browser, server.url, picture)) {
      console.error(fault);
      process.exitCode = 1;
    }
  }
} finally {
  await browser.close();
  await server.stop();
}
