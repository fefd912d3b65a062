// Every page can be read by everyone: the rules of axe on every kind of page, windows down to 320 px, text at twice its size, forced colours,
// less motion, paper. Light and dark, wide and narrow.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, overflow, serve, truth, visit, watched } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Requests of the sample logs, by what is special about them.
const FALLBACK = "/r/req_01M7QDR9APRHT2H0HF90CN64CK";
const LONG_WAIT = "/r/req_01M7QGFP4Z7RT7ZZGYQE2G9KB0";
/** First characters that several ids share. */
const shared = truth[0].request_id.slice(0, 8);

const PAGES = {
  "the list": "/",
  "the list, filtered": `/?q=${encodeURIComponent("status:failed")}`,
  "the list, sorted": "/?sort=total",
  "the list, a mistake in its query": `/?q=${encodeURIComponent("dur:>5")}`,
  "the list, nothing matches": "/?q=nothinghasthisword",
  "a request with a fallback": FALLBACK,
  "a request that waited long": LONG_WAIT,
  "a request, its parts and its path": `${LONG_WAIT}?path=on&group=operation&find=gpt&tz=utc`,
  "a request, folded and zoomed": `${LONG_WAIT}?fold=1&zoom=43000-50000&gaps=full`,
  "a request, its wishes wrong": `${LONG_WAIT}?zoom=x&step=nothing&what=1`,
  "a request, its lines": `${FALLBACK}?view=log&level=warn`,
  lines: "/lines",
  "lines, filtered": `/lines?q=${encodeURIComponent("level:>=warn")}`,
  "lines, nothing matches": "/lines?q=nothinghasthisword",
  sources: "/sources",
  "a choice of ids": `/go?id=${shared}`,
  "an id nobody wrote": "/go?id=req_01M7QZZZZZZZZZZZZZZZZZZZZZ",
  "a page that is not there": "/nothing/here",
};
const WINDOWS = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];

let server;
let empty;
let logs;
let browser;
let addresses;
before(async () => {
  logs = mkdtempSync(join(tmpdir(), "throughline-empty-"));
  writeFileSync(join(logs, "empty.log"), "");
  [server, empty, browser] = await Promise.all([serve("sample-logs", "--no-follow"), serve(logs), launch()]);
  addresses = { ...PAGES };
  // The step that failed, open: what it says stands on the page from the start.
  await visit(browser, server.url, {}, async (page) => {
    await page.goto(FALLBACK);
    addresses["a request, a step open"] = `${FALLBACK}?step=${await page.locator(".step.failed").first().getAttribute("id")}`;
  });
});
after(async () => {
  await browser?.close();
  await Promise.all([server?.stop(), empty?.stop()]);
  rmSync(logs, { recursive: true, force: true });
});

/** What axe finds on the page as it stands. */
async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run());
  return found.violations.map((fault) => `${fault.id}: ${fault.help}, at ${fault.nodes.slice(0, 3).map((node) => `${node.target.join(" ")} (${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ""})`).join(" | ")}`);
}

/** A page whose answer may be an error: that one is no fault here. */
async function look(view, what, at = server.url) {
  const { page, faults, close } = await watched(browser, at, view);
  try {
    await what(page);
    assert.deepEqual(faults().filter((fault) => !/^404 for|status of 404/.test(fault)), []);
  } finally {
    await close();
  }
}

/** Boxes that stick out of the window, though nothing scrolls them. */
function outside(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("main *, header *, footer *")]
      .filter((element) => {
        const box = element.getBoundingClientRect();
        if (box.width === 0 || box.right <= innerWidth + 1 || element.closest("svg, .hidden, pre")) return false;
        for (let up = element.parentElement; up; up = up.parentElement) if (getComputedStyle(up).overflowX !== "visible") return false;
        return true;
      })
      .map((element) => `${element.tagName.toLowerCase()}.${element.className}`),
  );
}

/** Boxes that hold more than they show and scroll sideways. */
function scrolling(page) {
  return page.evaluate(() =>
    [...document.querySelectorAll("main *")]
      .filter((element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth + 1 && element.tagName !== "PRE")
      .map((element) => `${element.tagName.toLowerCase()}.${element.className}`),
  );
}

describe("axe finds nothing", () => {
  for (const colour of ["light", "dark"]) {
    for (const size of WINDOWS) {
      test(`${colour}, ${size.width} px`, () =>
        look({ colour, ...size }, async (page) => {
          const found = [];
          for (const [name, address] of Object.entries(addresses)) {
            await page.goto(address);
            found.push(...(await violations(page)).map((fault) => `${name}: ${fault}`));
          }
          assert.deepEqual(found, []);
        }));

      test(`nothing read yet: ${colour}, ${size.width} px`, () =>
        look({ colour, ...size }, async (page) => {
          for (const address of ["/", "/lines", "/sources"]) {
            await page.goto(address);
            assert.deepEqual((await violations(page)).map((fault) => `${address}: ${fault}`), []);
          }
        }, empty.url));
    }
  }

  test("the list of keys, and a step opened by a click", () =>
    look({}, async (page) => {
      await page.goto(FALLBACK);
      await page.locator(".step.failed summary").first().click();
      assert.deepEqual(await violations(page), []);
      await page.keyboard.press("?");
      await page.locator("dialog.keys").waitFor();
      assert.deepEqual(await violations(page), []);
    }));
});

describe("nothing scrolls sideways and nothing is cut", () => {
  // 720 px at two device pixels each: a window of 1440 px at 200 %.
  for (const [name, size] of Object.entries({ "320 px": { width: 320, height: 640 }, "390 px": { width: 390, height: 844 }, "200 %": { width: 720, height: 450 }, "1024 px": { width: 1024, height: 768 }, "1440 px": { width: 1440, height: 900 } })) {
    test(name, () =>
      look(size, async (page) => {
        const found = [];
        for (const [kind, address] of Object.entries(addresses)) {
          await page.goto(address);
          await page.evaluate(() => document.querySelectorAll(".every, .proofs").forEach((details) => (details.open = true)));
          const over = await overflow(page);
          if (over > 0) found.push(`${kind}: ${over} px wider than its window`);
          found.push(...(await outside(page)).map((element) => `${kind}: ${element} sticks out`));
          found.push(...(await scrolling(page)).map((element) => `${kind}: ${element} scrolls sideways`));
        }
        assert.deepEqual([...new Set(found)], []);
      }));
  }

  test("labels of bars stay in the column of bars", () =>
    look({ width: 1024, height: 768 }, async (page) => {
      await page.goto(LONG_WAIT);
      assert.deepEqual(await page.locator("td.bar").evaluateAll((cells) => [...new Set(cells.map((cell) => getComputedStyle(cell).overflowX))]), ["clip"]);
      assert.equal(await page.locator("td.src").first().isVisible(), false, "what stands in the detail too makes room");
    }));
});

describe("forced colours", () => {
  for (const colour of ["light", "dark"]) {
    test(`bars, marks and texts of drawings differ from the ground: ${colour}`, () =>
      look({ colour }, async (page) => {
        await page.emulateMedia({ forcedColors: "active", colorScheme: colour });
        await page.goto(`${FALLBACK}?path=on`);
        const looks = await page.evaluate(() => {
          const probe = document.createElement("i");
          document.body.append(probe);
          const named = (name) => ((probe.style.color = name), getComputedStyle(probe).color);
          const [ink, ground] = [named("CanvasText"), named("Canvas")];
          const all = (css, property) => [...new Set([...document.querySelectorAll(css)].map((element) => getComputedStyle(element)[property]))];
          return {
            ink,
            ground,
            pieces: all(".piece, .part", "stroke"),
            widths: all(".piece, .part", "strokeWidth"),
            waits: all(".piece.wait", "fill"),
            path: all("rect.path", "fill"),
            text: all("#timeline svg text", "fill"),
            error: all("#m-error .m-error", "stroke"),
            warn: all("#m-warn .m-warn", "fill"),
            hatch: all("#hatch rect:last-child", "fill"),
            hatchGround: all("#hatch .hatch-ground", "fill"),
          };
        });
        assert.notEqual(looks.ink, looks.ground);
        for (const kind of ["pieces", "path", "text", "error", "warn", "hatch"]) assert.deepEqual(looks[kind], [looks.ink], kind);
        assert.deepEqual(looks.widths, ["1px"]);
        assert.deepEqual(looks.waits, ['url("#hatch")'], "a wait stays hatched");
        assert.deepEqual(looks.hatchGround, [looks.ground]);
        assert.deepEqual(await page.locator(".k").evaluateAll((badges) => [...new Set(badges.map((badge) => getComputedStyle(badge).borderTopWidth))]), ["1px"], "letters stand in a frame");
      }));
  }
});

test("less motion is honoured: nothing moves by itself, and jumps are jumps", () =>
  look({}, async (page) => {
    for (const address of ["/", LONG_WAIT, "/lines"]) {
      await page.goto(address);
      const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((element) => { const style = getComputedStyle(element); return (style.animationName || "none") !== "none" || (style.transitionDuration || "0s") !== "0s"; }).length);
      assert.equal(moving, 0, address);
      assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), "auto");
    }
  }));

describe("paper", () => {
  test("an open detail and the bars are printed, what is pressed or typed into is not, nothing is cut", () =>
    look({ width: 794, height: 1123 }, async (page) => {
      await page.goto(addresses["a request, a step open"]);
      await page.emulateMedia({ media: "print" });
      for (const css of [".top", ".toolbar", "footer", ".acts"]) {
        for (const one of await page.locator(css).all()) assert.equal(await one.isVisible(), false, `${css} is not printed`);
      }
      assert.equal(await page.locator(".step.asked .detail").isVisible(), true);
      assert.equal(await page.locator(".step.asked .proof").first().isVisible(), true);
      const bars = await page.locator(".piece").evaluateAll((pieces) => pieces.map((piece) => piece.getBoundingClientRect().width));
      assert.ok(bars.length >= 10 && bars.every((width) => width > 0), "bars have a width");
      assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector(".piece")).printColorAdjust), "exact");
      assert.ok((await overflow(page)) <= 0, `${await overflow(page)} px wider than the paper`);
      const cut = await page.evaluate(() =>
        [...document.querySelectorAll("main *")]
          .filter((element) => !element.closest("svg, .hidden, details:not([open]) > :not(summary)") && getComputedStyle(element).overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1 && element.getBoundingClientRect().width > 0)
          .map((element) => `${element.tagName}.${element.className}: ${element.textContent.slice(0, 40)}`),
      );
      assert.deepEqual(cut, []);
    }));

  for (const scripts of [true, false]) {
    test(`a request prints to paper ${scripts ? "with" : "without"} scripts`, () =>
      look({ scripts }, async (page) => {
        await page.goto(LONG_WAIT);
        const pdf = await page.pdf({ format: "A4" });
        assert.equal(pdf.subarray(0, 5).toString(), "%PDF-");
        const pages = pdf.toString("latin1").match(/\/Type\s*\/Page\b/g).length;
        assert.ok(pages >= 2 && pages <= 6, `${pages} pages`);
      }));
  }
});
