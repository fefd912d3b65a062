#!/usr/bin/env node
// Writes the sample logs of "Briefly" and the truth about them. The same bytes on every machine: no clock, no locale, one seed.
//
//   node sample-logs/make/generate.mjs           write the files
//   node sample-logs/make/generate.mjs --check   compare with the files that are there; exit 1 and name the one that differs
//
// A .gz is compared by what it holds and by its header: the bytes of a deflate stream differ between versions of zlib.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afternoon } from "./sim/afternoon.mjs";
import { truth } from "./truth.mjs";
import { files } from "./writers/files.mjs";

const logs = join(dirname(fileURLToPath(import.meta.url)), "..");

function everything() {
  const { journal, requests } = afternoon();
  const all = new Map([...files(journal)].map(([name, bytes]) => [join(logs, name), bytes]));
  return all.set(join(logs, "..", "tests", "samples-truth.jsonl"), Buffer.from(truth(requests)));
}

function differs(path, bytes) {
  let found;
  try {
    found = readFileSync(path);
  } catch {
    return true;
  }
  if (!path.endsWith(".gz")) return !found.equals(bytes);
  // Name and time are absent: flags and mtime, bytes 3 to 7, are zero.
  return found.subarray(3, 8).some((byte) => byte !== 0) || !gunzipSync(found).equals(gunzipSync(bytes));
}

const all = everything();
if (process.argv.includes("--check")) {
  const wrong = [...all].filter(([path, bytes]) => differs(path, bytes)).map(([path]) => path);
  for (const path of wrong) console.error(`differs: ${path}`);
  process.exitCode = wrong.length ? 1 : 0;
} else {
  for (const [path, bytes] of all) {
    mkdirSync(dirname(path), { recursive: true });
    // An unchanged archive stays as it is, whatever zlib packed it.
    if (differs(path, bytes)) writeFileSync(path, bytes);
  }
}
