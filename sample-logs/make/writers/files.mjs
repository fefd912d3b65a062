// Which log becomes which file, with the dirt real files have: a server's banner, a line cut by a kill, a library's warning in
// Latin-1, two processes writing over each other, a blank line. Every file is bytes.

import { gzipSync } from "node:zlib";
import { ROTATES, STORY, at } from "../sim/world.mjs";
import { caddy } from "./caddy.mjs";
import { celery } from "./celery.mjs";
import { dramatiq } from "./dramatiq.mjs";
import { litellm } from "./litellm.mjs";
import { pino } from "./pino.mjs";
import { structlog } from "./structlog.mjs";

/** name → bytes, of everything that is committed beside this generator. */
export function files(journal) {
  const api = journal.ordered("api");
  const before = api.filter((entry) => entry.at < ROTATES),
    after = api.filter((entry) => entry.at >= ROTATES);
  return new Map([
    ["edge/access.log", lines(journal.ordered("edge").map(caddy))],
    ["api.log.1.gz", gzip(lines(before.map(structlog)))],
    ["api.log", lines(insertBlank(after).map(structlog))],
    ["worker-reviews.log", lines([...CELERY_BANNER, ...interleave(journal.ordered("reviews")).map((e) => e.raw ?? celery(e))])],
    ["worker-index.log", withLatin1(journal.ordered("index"))],
    ["worker-render.log", lines(["", "> briefly-render@3.4.1 start", "> node dist/main.js", "", ...journal.ordered("render").map(pino)])],
    ["gateway.log", lines(gateway(journal.ordered("gateway")))],
  ]);
}

function lines(list) {
  return Buffer.from(`${list.join("\n")}\n`, "utf8");
}

/** Gzip with no name and no time in its header; Node writes neither. */
function gzip(bytes) {
  return gzipSync(bytes, { level: 9 });
}

function insertBlank(entries) {
  const index = entries.findIndex((entry) => entry.at > at("14:20:41"));
  return [...entries.slice(0, index), { text: "" }, ...entries.slice(index)];
}

/** The gateway is restarted: its last line is half written, then the server's banner. */
function gateway(entries) {
  const last = entries.filter((entry) => entry.at < STORY.gatewayRestart).length - 1;
  return entries.flatMap((entry, n) => {
    const line = litellm(entry);
    return n === last ? [line.slice(0, 611), ...GATEWAY_BANNER] : [line];
  });
}

/** Two processes of the review worker write at once: the head of a debug line, then a whole line right behind it. */
function interleave(entries) {
  const from = entries.findIndex((entry) => entry.at > at("14:16:30") && entry.message === "db select");
  return entries.flatMap((entry, n) => (n === from ? [{ raw: celery(entry).slice(0, 97) + celery(entries[n + 1]) }] : n === from + 1 ? [] : [entry]));
}

/** A PDF library prints a font's name as it found it, in Latin-1. */
function withLatin1(entries) {
  const index = entries.findIndex((entry) => entry.at > at("13:44:02") && entry.message.startsWith("parsed"));
  const warning = Buffer.concat([Buffer.from("Syntax Warning (21884): Unknown font tag 'Helv"), Buffer.from([0xe9]), Buffer.from("tica'\n")]);
  const written = entries.map(dramatiq);
  return Buffer.concat([lines(written.slice(0, index)), warning, lines(written.slice(index))]);
}

const GATEWAY_BANNER = [
  "INFO:     Started server process [7]",
  "INFO:     Waiting for application startup.",
  "INFO:     Application startup complete.",
  "INFO:     Uvicorn running on http://0.0.0.0:4000 (Press CTRL+C to quit)",
];

const CELERY_BANNER = [
  " ",
  " -------------- reviews@worker-1 v5.5.3 (immunity)",
  "--- ***** ----- ",
  "-- ******* ---- Linux-6.8.0-48-generic-x86_64-with-glibc2.39 2026-11-18 13:19:27",
  "- *** --- * --- ",
  "- ** ---------- [config]",
  "- ** ---------- .> app:         briefly:0x7f2b64c1d3d0",
  "- ** ---------- .> transport:   redis://redis:6379/0",
  "- ** ---------- .> results:     redis://redis:6379/1",
  "- *** --- * --- .> concurrency: 2 (prefork)",
  "-- ******* ---- .> task events: OFF (enable -E to monitor tasks in this worker)",
  "--- ***** ----- ",
  " -------------- [queues]",
  "                .> reviews          exchange=reviews(direct) key=reviews",
  "                ",
  "",
  "[tasks]",
  "  . briefly.reviews.run_review",
  "",
];
