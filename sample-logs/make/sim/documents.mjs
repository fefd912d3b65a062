// Uploads: the API stores the file and hands the document to the index worker (Dramatiq), which cuts it up, embeds it and writes an
// outline with a small model. The worker's threads log in their container's local time.

import { ms } from "./api.mjs";
import { runPool } from "./pool.mjs";
import { Random } from "./random.mjs";
import { CONFIG, RELEASE, SEED } from "./world.mjs";
import { tokensOf } from "./people.mjs";

/** The API's part. Returns the message for the index queue. */
export function upload(api, request) {
  const r = request.r,
    document = request.document;
  let t = api.receive(request, { content_length: document.bytes, filename: document.name });
  const stored = r.us(38 + document.bytes / 40_000, 0.3);
  request.span("write", "uploads", t, t + stored);
  api.say(request, t + stored, "info", "object stored", {
    bucket: "briefly-uploads",
    key: `${request.tenant.name}/${document.id}`,
    size_bytes: document.bytes,
    duration_ms: ms(stored),
  });
  t = api.write(request, t + stored + r.integer(200, 600), "documents");
  const messageId = r.uuid();
  request.owns("message", messageId);
  api.say(request, t, "info", "message enqueued", {
    message_id: messageId,
    actor: "index_document",
    queue: "indexing",
    document_id: document.id,
    pages: document.pages,
  });
  api.complete(request, t + r.integer(400, 1200), 202, { size: 168 });
  return { request, id: messageId, enqueuedAt: t, readyAt: t, actor: "index_document", queue: "indexing", args: `'${document.id}', ${document.pages}` };
}

export class IndexWorker {
  constructor(journal, gateway) {
    this.journal = journal;
    this.gateway = gateway;
    this.r = new Random(SEED, "index-worker");
  }

  say(at, level, logger, thread, message, { task = null, extra = {} } = {}) {
    this.journal.say("index", at, { level, logger, thread, message, messageId: task?.id ?? null, actor: task?.actor ?? null, extra });
  }

  run(messages) {
    const lost = messages.filter((m) => m.lost);
    for (const message of lost) ((message.request.outcome = "incomplete"), message.request.story("missing stage"));
    const tasks = messages.filter((m) => !m.lost).flatMap((m) => (m.duplicate ? [m, { ...m, readyAt: m.readyAt + 930_000, again: true }] : [m]));
    runPool({ slots: 4, tasks, pickup: () => this.r.integer(2_000, 38_000), execute: (task, start, slot) => this.execute(task, start, `Thread-${slot + 4}`) });
  }

  execute(task, start, thread) {
    const { request, actor, args } = task;
    const worker = "dramatiq.worker.WorkerThread",
      own = `briefly_index.actors.${actor}`;
    request.span("queue_wait", task.queue, task.enqueuedAt, start);
    this.say(start, "DEBUG", worker, thread, `Received message ${actor}(${args}) with id '${task.id}'.`);
    const begun = start + this.r.integer(120, 480);
    this.say(begun, "DEBUG", own, thread, `Received args=(${args}${args.includes(",") ? "" : ","}) kwargs={}.`, { task });
    const body = task.again ? this.skip(task, begun, thread) : actor === "index_document" ? this.index(task, begun, thread) : this.outline(task, begun, thread);
    const end = body.end + this.r.integer(80, 300);
    this.say(end, "DEBUG", own, thread, `Completed after ${((end - begun) / 1000).toFixed(2)}ms.`, { task });
    request.span("task", actor, start, end, task.again ? "duplicate" : "ok");
    request.completedAt = Math.max(request.completedAt ?? 0, end);
    return { end: end + 400, again: body.next };
  }

  /** The second delivery of a message whose first is still running. */
  skip(task, at, thread) {
    const t = at + this.r.us(3.1, 0.3);
    this.say(t, "WARNING", "briefly_index.actors", thread, "document is being indexed already, leaving", {
      task,
      extra: { document_id: task.request.document.id },
    });
    task.request.story("duplicate delivery");
    return { end: t };
  }

  index(task, at, thread) {
    const { request } = task,
      r = this.r,
      document = request.document;
    const parse = r.us(160 + document.pages * 24, 0.3);
    let t = at + parse;
    this.say(t, "INFO", "briefly_index.actors", thread, `parsed ${document.pages} pages of ${document.id}`, { task, extra: { duration_ms: ms(parse) } });
    const chunks = Math.max(2, Math.round(document.pages * 2.4));
    for (let from = 0; from < chunks; from += 64) {
      const n = Math.min(64, chunks - from);
      const done = this.gateway.call({
        request,
        caller: "index",
        group: "embedder",
        at: t,
        input: n * r.integer(190, 240),
        output: 0,
        labels: { message_id: task.id },
      });
      this.say(done.end, "INFO", "briefly_index.actors", thread, `embedded ${n} chunks`, {
        task,
        extra: { model: done.served, input_tokens: done.input, duration_ms: ms(done.end - t) },
      });
      t = done.end + r.integer(300, 900);
    }
    t = this.write(task, t, thread, "chunks", chunks, 9 + chunks * 0.5);
    const next = { ...task, id: r.uuid(), actor: "outline_document", queue: "outlines", args: `'${document.id}'`, enqueuedAt: t, readyAt: t };
    request.owns("message", next.id);
    this.say(t, "DEBUG", "dramatiq.broker.RedisBroker", thread, `Enqueueing message '${next.id}' on queue 'outlines'.`, { task });
    return { end: t + r.integer(300, 900), next };
  }

  outline(task, at, thread) {
    const { request } = task,
      r = this.r;
    const done = this.gateway.call({
      request,
      caller: "index",
      group: "outliner",
      prompt: "outline",
      at,
      input: Math.min(24_000, tokensOf(request.document, r)),
      output: Math.round(r.lognormal(120, 0.3)),
      labels: { message_id: task.id },
    });
    this.say(done.end, "INFO", "briefly_index.actors", thread, "outline written", {
      task,
      extra: {
        model: done.served,
        prompt_name: "outline",
        prompt_version: 3,
        input_tokens: done.input,
        output_tokens: done.output,
        duration_ms: ms(done.end - at),
      },
    });
    (request.models ??= new Set()).add(done.served);
    return { end: this.write(task, done.end + 400, thread, "outlines", 1, 5) };
  }

  write(task, at, thread, table, rows, medianMs) {
    const took = this.r.us(medianMs, 0.35);
    task.request.span("write", table, at, at + took);
    this.say(at + took, "INFO", "briefly_index.db", thread, `upserted ${rows} ${rows === 1 ? "row" : "rows"} into ${table}`, {
      task,
      extra: { table, rows, duration_ms: ms(took) },
    });
    return at + took + this.r.integer(200, 700);
  }

  /** Lines of the process itself. */
  start(at) {
    this.say(at, "INFO", "dramatiq.MainProcess", "MainThread", "Dramatiq '1.17.1' is booting up.");
    for (let n = 0; n < 4; n++) this.say(at + 412_000 + n * 700, "DEBUG", "dramatiq.worker.WorkerThread", `Thread-${n + 4}`, "Running worker thread...");
    this.say(at + 431_000, "INFO", "briefly_index", "MainThread", "index worker ready", {
      extra: { release: RELEASE, config_version: CONFIG, queues: ["indexing", "outlines"] },
    });
  }
}
