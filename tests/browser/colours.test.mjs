// The colours of stages as the style sheet names them, without a browser: strong enough on every ground, and told apart by a letter or a
// hatch where an eye cannot. And scripts stay small.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./harness.mjs";

const css = readFileSync(join(root, "static/app.css"), "utf8");
const MAX_SCRIPT_BYTES = 40_000;
/** Stages with the letter each of them bears on the pages. */
const LETTERS = { edge: "E", app: "A", queue: "Q", worker: "W", model: "M", tool: "T", write: "D", http: "H", other: "O" };
/** Stages that are drawn hatched: nobody works in them. */
const HATCHED = ["queue"];
/** Below this two colours are taken for one another in passing (CIE76). */
const CONFUSABLE = 20;

function tokens(block) {
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6}|\.\d+)/g)].map(([, name, value]) => [name, value]));
}
const light = tokens(css.slice(css.indexOf(":root"), css.indexOf("}")));
const themes = { light, dark: { ...light, ...tokens(css.slice(css.indexOf("prefers-color-scheme: dark"), css.indexOf("* { box-sizing"))) } };

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const gamma = (c) => (c <= 0.0031308 ? c * 12.92 : 1.055 * c ** (1 / 2.4) - 0.055);
const luminance = (rgb) => rgb.map(linear).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}
const over = (top, ground, opacity) => top.map((c, i) => c * opacity + ground[i] * (1 - opacity));

function lab(rgb) {
  const [r, g, b] = rgb.map(linear);
  const f = (t) => (t > 216 / 24389 ? Math.cbrt(t) : (t * 24389) / 27 / 116 + 16 / 116);
  const x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const z = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
const difference = (a, b) => Math.hypot(...lab(a).map((c, i) => c - lab(b)[i]));

// Machado, Oliveira and Fernandes 2009, severity 1, on linear light.
const EYES = {
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const seen = (rgb, eye) => EYES[eye].map((row) => gamma(Math.min(Math.max(row.reduce((sum, weight, i) => sum + weight * linear(rgb[i]), 0), 0), 1)));

for (const [name, theme] of Object.entries(themes)) {
  const at = (token) => channels(theme[token]);

  test(`bars stand out from every ground: ${name}`, () => {
    const weak = [];
    for (const stage of [...Object.keys(LETTERS), "bad", "gap"]) {
      for (const ground of ["panel", "paper", "sunk"]) if (contrast(at(stage), at(ground)) < 3) weak.push(`${stage} on ${ground}: ${contrast(at(stage), at(ground)).toFixed(2)}`);
    }
    const stream = contrast(over(at("model"), at("panel"), Number(theme.stream)), at("panel"));
    if (stream < 3) weak.push(`what a model streams: ${stream.toFixed(2)}`);
    assert.deepEqual(weak, []);
  });

  test(`text can be read on its ground: ${name}`, () => {
    const weak = [];
    const check = (text, ground) => {
      const found = contrast(at(text), at(ground));
      if (found < 4.5) weak.push(`${text} on ${ground}: ${found.toFixed(2)}`);
    };
    for (const ground of ["paper", "panel", "sunk"]) for (const text of ["ink", "ink-2", "ink-3", "link", "bad", "warn", "good"]) check(text, ground);
    for (const [text, ground] of [["ink", "warn-soft"], ["bad", "bad-soft"], ["paper", "ink"]]) check(text, ground);
    // Letters of stages and the words on bars stand in the colour of the panel.
    for (const stage of Object.keys(LETTERS)) check("panel", stage === "queue" ? "queue-ink" : stage);
    assert.deepEqual(weak, []);
  });

  for (const eye of Object.keys(EYES)) {
    test(`stages an eye confuses differ in their letter, and waits in their hatch: ${name}, ${eye}`, () => {
      const stages = Object.keys(LETTERS);
      const pairs = stages.flatMap((a, i) => stages.slice(i + 1).map((b) => [a, b])).filter(([a, b]) => difference(seen(at(a), eye), seen(at(b), eye)) < CONFUSABLE);
      assert.ok(pairs.length > 0, "with nine stages some pair is alike to this eye: if none is, the measure is broken");
      for (const [a, b] of pairs) {
        assert.notEqual(LETTERS[a], LETTERS[b], `${a} and ${b}`);
        for (const wait of [a, b].filter((stage) => HATCHED.includes(stage))) assert.match(css, /\.wait \{ fill: url\(#hatch\)/, `${wait} is hatched`);
      }
    });
  }
}

test("letters are as the pages write them", () => {
  const written = readFileSync(join(root, "src/model/path_words.rs"), "utf8");
  for (const [stage, letter] of Object.entries(LETTERS)) assert.match(written, new RegExp(`Self::${stage[0].toUpperCase()}${stage.slice(1)} => '${letter}',`));
  assert.equal(new Set(Object.values(LETTERS)).size, Object.keys(LETTERS).length);
});

test("all scripts together stay below 40 kB", () => {
  const sizes = readdirSync(join(root, "static")).filter((file) => file.endsWith(".js")).map((file) => readFileSync(join(root, "static", file)).length);
  const sum = sizes.reduce((a, b) => a + b, 0);
  assert.ok(sum <= MAX_SCRIPT_BYTES, `${sum} bytes`);
});
