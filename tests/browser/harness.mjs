// Starts the release binary on the sample logs with a data directory of its own, and a Chromium; stops both.
//
// Guarantees: nothing outside temporary folders is written; the server is stopped by SIGTERM and its exit code checked; every page is
// watched for errors on its console and for requests to other hosts. It asserts nothing about what a page shows.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const START_LIMIT_MS = 120_000;
const STOP_LIMIT_MS = 20_000;

/** What the sample logs' generator knows of every request it wrote. */
export const truth = readFileSync(join(root, "tests/samples-truth.jsonl"), "utf8").trim().split("\n").map((line) => JSON.parse(line));

/** The release binary; THROUGHLINE_BIN names another one. */
function binary() {
  if (process.env.THROUGHLINE_BIN) return process.env.THROUGHLINE_BIN;
  return join(resolve(root, process.env.CARGO_TARGET_DIR ?? "target"), "release/throughline");
}

function runnable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Chromium of the system; CHROMIUM names another one. */
function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(runnable);
  assert.ok(found, "no Chromium on the PATH; name one with CHROMIUM=/path/to/chromium");
  return found;
}

/** Starts the server on a folder of logs. Resolves once everything there was read: `{ url, stop }`. */
export async function serve(logs = "sample-logs", ...flags) {
  const program = binary();
  assert.ok(runnable(program), `${program} is not there; build it with cargo build --release`);
  const state = mkdtempSync(join(tmpdir(), "throughline-pages-"));
  const child = spawn(program, ["serve", logs, "--listen", "127.0.0.1:0", "--data", join(state, "data"), ...flags], {
    cwd: root,
    env: { ...process.env, XDG_STATE_HOME: join(state, "state"), NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = new Promise((done) => child.once("exit", (code, signal) => done({ code, signal })));
  const stop = async () => {
    child.kill("SIGTERM");
    const slow = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    const end = await exited;
    clearTimeout(slow);
    rmSync(state, { recursive: true, force: true });
    assert.deepEqual(end, { code: 0, signal: null }, "the server did not stop in order");
  };
  try {
    const url = await address(child, exited);
    const health = await fetch(new URL("/healthz", url));
    assert.equal(health.status, 200, "/healthz");
    return { url, stop };
  } catch (error) {
    child.kill("SIGKILL");
    rmSync(state, { recursive: true, force: true });
    throw error;
  }
}

/** The address alone on a line is the last thing said: what was there at the start has been read by then. */
function address(child, exited) {
  let said = "";
  return new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error(`no address after ${START_LIMIT_MS / 1000} s; said so far:\n${said}`)), START_LIMIT_MS);
    exited.then(({ code, signal }) => fail(new Error(`the server ended (${code ?? signal}) before its address; it said:\n${said}`)));
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text) => {
      said += text;
      const line = said.match(/^(http:\/\/127\.0\.0\.1:\d+\/)\r?$/m);
      if (line) {
        clearTimeout(late);
        done(line[1]);
      }
    });
  });
}

/** A Chromium without a window. Root may not use its sandbox. */
export function launch() {
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: browserPath(), args });
}

/** A page that is watched: `faults()` lists console errors, failed scripts, failed answers and requests to other hosts. */
export async function watched(browser, url, { scripts = true, colour = "light", width = 1440, height = 900 } = {}) {
  const context = await browser.newContext({
    baseURL: url,
    javaScriptEnabled: scripts,
    colorScheme: colour,
    viewport: { width, height },
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("response", (answer) => answer.status() >= 400 && faults.push(`${answer.status()} for ${answer.url()}`));
  page.on("request", (request) => {
    const asked = new URL(request.url());
    if (asked.protocol !== "data:" && asked.origin !== new URL(url).origin) faults.push(`asks another host: ${request.url()}`);
  });
  return { page, faults: () => faults, close: () => context.close() };
}

/** How many pixels a page is wider than its window. */
export function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/**
 * Opens a watched page, does something with it, and holds it to a quiet console and to its own host. `what` gets the page and a function
 * that holds it to its width.
 */
export async function visit(browser, url, view, what) {
  const { page, faults, close } = await watched(browser, url, view);
  try {
    await what(page, async (name) => {
      const wider = await overflow(page);
      assert.ok(wider <= 0, `${name} is ${wider} px wider than its window`);
    });
    assert.deepEqual(faults(), []);
  } finally {
    await close();
  }
}
