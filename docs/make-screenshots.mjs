// Draws the pictures the README shows, from the sample logs: `node docs/make-screenshots.mjs`.
//
// Needs the release binary, Chromium and the packages of tests/browser (`npm ci --prefix tests/browser`); CHROMIUM and THROUGHLINE_BIN
// name others, as for the tests. With ImageMagick on the PATH the pictures get a palette, which makes them a third of the size.
// Writes docs/request.png and docs/list.png, nothing else; the server and its index live in a temporary folder.

import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { launch, root, serve, watched } from "../tests/browser/harness.mjs";

const size = { width: 1440, height: 1000 };
/** A contract that cannot be valid, retried into the dead letters: its page has queue waits, attempts and warnings. */
const shown = "req_01M7QDEYA7CFRCCH4EH6WVA5R8";
const pictures = [
  { name: "request.png", address: `/r/${shown}` },
  { name: "list.png", address: "/" },
];

/** Reduces a picture to a palette. Without ImageMagick it stays as it is. */
function reduce(path) {
  for (const program of ["magick", "convert"]) {
    if (spawnSync(program, [path, "+dither", "-colors", "128", "-strip", `PNG8:${path}`]).status === 0) return;
  }
}

const [server, browser] = await Promise.all([serve("sample-logs", "--no-follow"), launch()]);
try {
  for (const { name, address } of pictures) {
    const { page, faults, close } = await watched(browser, server.url, size);
    await page.goto(address, { waitUntil: "load" });
    await page.evaluate(() => document.fonts.ready);
    const path = join(root, "docs", name);
    await page.screenshot({ path, clip: { x: 0, y: 0, ...size }, animations: "disabled" });
    reduce(path);
    console.log(`docs/${name}  ${Math.round(statSync(path).size / 1024)} KiB`);
    for (const fault of faults()) console.error(`${address}: ${fault}`);
    await close();
  }
} finally {
  await browser.close();
  await server.stop();
}
