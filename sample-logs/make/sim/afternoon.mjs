// The whole afternoon: plans become requests, requests become work in queues, work becomes polls; and what the programs say about
// themselves. Returns the journal (what was logged) and the requests (what was true).

import { Api, context } from "./api.mjs";
import { ask, summary } from "./answers.mjs";
import { IndexWorker, upload } from "./documents.mjs";
import { Gateway } from "./gateway.mjs";
import { Journal } from "./journal.mjs";
import { Request, drawTenants } from "./people.mjs";
import { Random } from "./random.mjs";
import { RenderWorker } from "./reports.mjs";
import { ReviewWorker, review } from "./reviews.mjs";
import { crash, health, invalidBody, poll, readDocument, stranger } from "./small.mjs";
import { plans } from "./traffic.mjs";
import { BOOT, CLOSES, CONFIG, OPENS, RELEASE, SEED, STORY, at } from "./world.mjs";

export function afternoon() {
  const journal = new Journal(),
    gateway = new Gateway(journal),
    api = new Api(journal, gateway);
  const reviewWorker = new ReviewWorker(journal, gateway),
    indexWorker = new IndexWorker(journal, gateway),
    renderWorker = new RenderWorker(journal);
  const requests = plans(drawTenants()).map((plan, n) => new Request(plan, n));
  const messages = [],
    tasks = [];
  for (const request of requests) answer(api, request, messages, tasks);
  indexWorker.run(messages);
  reviewWorker.run(tasks);
  renderWorker.run(reviewWorker.reports, reviewWorker);
  requests.push(...polls(api, tasks, messages));
  for (let time = OPENS + 17_000_000, n = 0; time < CLOSES; time += 120_000_000, n++) requests.push(health(api, time, n));
  requests.sort((a, b) => a.time - b.time);
  for (const request of requests) mark(request);
  background(journal, requests, reviewWorker);
  indexWorker.start(BOOT - 2_411_000);
  renderWorker.start(BOOT - 1_207_000, CLOSES);
  return { journal, requests };
}

function answer(api, request, messages, tasks) {
  switch (request.kind) {
    case "summary":
      return summary(api, request, { script: request.script });
    case "ask":
      return ask(api, request, { cancel: request.cancel });
    case "upload":
      return void messages.push({ ...upload(api, request), duplicate: request.duplicate, lost: request.lost });
    case "review":
      return void tasks.push({ ...review(api, request), invalid: request.invalid });
    case "read":
      return readDocument(api, request);
    case "invalid":
      return invalidBody(api, request);
    case "crash":
      return crash(api, request);
    default:
      return stranger(api, request, request.status);
  }
}

/** Web users' pages ask for the state of their job, less and less often, until it is done. */
function polls(api, tasks, messages) {
  const list = [],
    waiting = [...tasks, ...messages.filter((m) => m.lost)].filter(({ request }) => request.client === "web");
  for (const { id, request } of waiting) {
    const done = request.completedAt ?? Infinity,
      gaps = [4000, 5000, 7000, 12_000, 20_000];
    let time = request.time;
    for (const gap of gaps) {
      time += gap * 1000 + request.r.integer(-60_000, 240_000);
      if (time > CLOSES) break;
      const { tenant, user, address, client } = request;
      const one = new Request(
        { kind: "poll", time, method: "GET", route: "/v1/jobs/{id}", path: `/v1/jobs/${id}`, tenant, user, address, client },
        list.length,
      );
      poll(api, one);
      list.push(one);
      if (time > done) break;
    }
  }
  return list;
}

/** Which story a request belongs to, told from what happened to it. */
function mark(request) {
  const within = ([from, to]) => request.time >= from && request.time <= to;
  const rateLimited = request.spans.some((s) => s.outcome === "RateLimitError");
  if (rateLimited) request.story("rate limit storm");
  if (request.fallback) request.story("fallback");
  if (request.edgeStatus === 499 || request.outcome === "cancelled") request.story("client left");
  const waited = request.spans.find((s) => s.kind === "queue_wait" && s.name === "reviews");
  if (waited && waited.end - waited.start > 2_000_000 && within([STORY.backlog[0], STORY.backlog[1] + 300e6])) request.story("backlog");
  if (request.kind === "summary" && request.status === 200) request.story(request.time < STORY.promptChange ? "prompt summarise@8" : "prompt summarise@9");
}

/** What the API process says about itself: start, depth of the queue, usage flushed in batches, the prompt that changed. */
function background(journal, requests, reviewWorker) {
  const r = new Random(SEED, "background");
  const say = (time, level, event, fields = {}) => journal.say("api", time, { level, event, fields, context: context(null) });
  journal.say("api", BOOT - 3_120_000, { text: "INFO:     Started server process [1]\nINFO:     Waiting for application startup." });
  say(BOOT - 610_000, "info", "prompts loaded", { summarise: 8, ask: 12, review: 31, outline: 3 });
  say(BOOT - 74_000, "info", "briefly api starting", { service: "briefly-api", release: RELEASE, config_version: CONFIG, env: "production" });
  journal.say("api", BOOT, { text: "INFO:     Application startup complete.\nINFO:     Uvicorn running on http://0.0.0.0:8000 (Press CTRL+C to quit)" });
  say(STORY.promptChange, "info", "prompt changed", {
    prompt_name: "summarise",
    prompt_version: 9,
    previous_version: 8,
    author: "j.okafor",
    source: "prompt-registry",
  });
  for (let time = BOOT + 60_000_000; time < CLOSES + 60_000_000; time += 60_000_000) {
    const depth = reviewWorker.waits.filter(([from, to]) => from <= time && time < to).length;
    say(time + r.integer(0, 4000), depth > 5 ? "warning" : "info", "queue depth", { queue: "reviews", depth });
  }
  const answered = requests.filter((q) => q.tenant && q.appEnd && q.kind !== "poll");
  for (let time = at("13:30:00.018"); time < CLOSES; time += 600_000_000) {
    const batch = answered.filter((q) => q.appEnd < time).slice(-6);
    say(time + r.integer(0, 9000), "info", "usage flushed", {
      batch_id: `bat_${r.base62(20)}`,
      request_ids: batch.map((q) => q.id),
      rows: batch.length,
      duration_ms: { float: r.integer(4200, 12900) / 1000 },
    });
  }
  journal.say("api", at("14:20:41.332"), { text: "WARNING:  Invalid HTTP request received." });
}
