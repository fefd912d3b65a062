// Contract reviews: the API hands them to Celery (queue `reviews`, two processes), a review is two model calls with look-ups between
// them, and its report goes to the Node worker through BullMQ. A contract that cannot be valid is retried all the same.

import { ms } from "./api.mjs";
import { backoff, shortError } from "./gateway.mjs";
import { runPool } from "./pool.mjs";
import { Random } from "./random.mjs";
import { SEED } from "./world.mjs";
import { tokensOf } from "./people.mjs";

export const TASK = "briefly.reviews.run_review";

/** The API's part. Returns the task for the review queue. */
export function review(api, request) {
  const r = request.r;
  let t = api.receive(request, { content_length: r.integer(60, 160) });
  t = api.read(request, t, "documents");
  t = api.write(request, t, "reviews");
  const id = r.uuid();
  request.owns("task", id);
  api.say(request, t, "info", "task enqueued", { task_id: id, task_name: TASK, queue: "reviews", document_id: request.document.id });
  api.complete(request, t + r.integer(400, 1400), 202, { size: 142 });
  return { request, id, enqueuedAt: t, readyAt: t, attempt: 1 };
}

const LOOKUPS = ["clause_library.search", "clause_library.get", "playbook.lookup", "definitions.resolve"];
const INVALID = "clauses.14.page: value is not a valid integer";

export class ReviewWorker {
  constructor(journal, gateway) {
    this.journal = journal;
    this.gateway = gateway;
    this.r = new Random(SEED, "review-worker");
    /** Reports for the render queue: { request, taskId, at, index }. */
    this.reports = [];
    /** True waiting times, for the queue-depth lines: [enqueued, taken]. */
    this.waits = [];
  }

  say(at, level, logger, message, { task = null, process = "MainProcess", data, extra = {}, exception } = {}) {
    this.journal.say("reviews", at, { level, logger, message, process, taskId: task?.id ?? null, data, extra, exception });
  }

  run(tasks) {
    runPool({
      slots: 2,
      tasks,
      pickup: (task) => (task.attempt > 1 ? this.r.integer(400, 1900) : this.r.us(210, 0.45)),
      execute: (task, start, slot) => this.execute(task, start, `ForkPoolWorker-${slot + 1}`),
    });
  }

  execute(task, start, process) {
    const { request, attempt } = task;
    if (attempt === 1) {
      request.span("queue_wait", "reviews", task.enqueuedAt, start);
      this.waits.push([task.enqueuedAt, start]);
      this.received(task, start, null);
    } else {
      request.span("retry_wait", "reviews", task.failedAt, start);
    }
    const begun = start + this.r.integer(900, 3200);
    this.say(begun, "INFO", "briefly.reviews", "review started", {
      task,
      process,
      extra: { ...(attempt > 1 || this.r.chance(0.5) ? { request_id: request.id } : {}), document_id: request.document.id, attempt },
    });
    const result = task.invalid ? this.refuse(task, begun, process) : this.work(task, begun, process);
    request.span("task", TASK, start, result.end, result.again ? "retry" : task.invalid ? "dead_letter" : "ok");
    request.completedAt = Math.max(request.completedAt ?? 0, result.end);
    return result;
  }

  received(task, at, eta) {
    const data = { id: task.id, name: TASK, args: `('${task.request.document.id}',)`, kwargs: "{}", eta: eta && { instant: eta } };
    this.say(at, "INFO", "celery.worker.strategy", `Task ${TASK}[${task.id}] received`, { data });
  }

  /** A review that goes through. */
  work(task, at, process) {
    const { request } = task,
      r = request.r;
    const speak = (time, message, extra) => this.say(time, "INFO", "briefly.reviews", message, { task, process, extra });
    const read = r.us(14 + request.document.pages * 0.4, 0.4);
    let t = at + read;
    request.span("read", "pages", at, t);
    this.say(t, "DEBUG", "briefly.db", "db select", { task, process, extra: { table: "pages", rows: request.document.pages, duration_ms: ms(read) } });
    const input = tokensOf(request.document, r);
    const plan = this.callModel(task, t + 400, process, { input, output: r.integer(70, 190) }, "tool_calls");
    t = plan.end + r.integer(400, 1300);
    for (let n = r.integer(1, 4); n > 0; n--) {
      const id = `call_${r.base62(24)}`,
        took = r.us(46, 0.6),
        tool = r.pick(LOOKUPS);
      request.owns("tool", id);
      request.span("tool", tool, t, t + took);
      speak(t + took, "tool call finished", { tool, tool_call_id: id, duration_ms: ms(took) });
      t += took + r.integer(200, 800);
    }
    const done = this.callModel(
      task,
      t,
      process,
      { input: input + r.integer(600, 1900), output: Math.round(r.lognormal(request.bulk ? 850 : 560, 0.33)) },
      "stop",
    );
    const findings = r.integer(2, 17),
      wrote = r.us(11, 0.5);
    t = done.end + r.integer(900, 2600) + wrote;
    request.span("write", "findings", t - wrote, t);
    speak(t, "findings stored", { table: "findings", rows: findings, duration_ms: ms(wrote) });
    t += r.integer(900, 2400);
    const report = { request, taskId: task.id, at: t, process };
    this.reports.push(report);
    const end = t + r.integer(1500, 4000);
    this.succeeded(task, end, process, end - at, findings);
    return { end };
  }

  succeeded(task, at, process, us, findings) {
    const runtime = { float: us / 1e6 + this.r.integer(1, 999) / 1e9 },
      value = `{'findings': ${findings}}`;
    const data = { id: task.id, name: TASK, return_value: value, runtime, args: `('${task.request.document.id}',)`, kwargs: "{}" };
    this.say(at, "INFO", "celery.app.trace", `Task ${TASK}[${task.id}] succeeded in ${runtime.float}s: ${value}`, { task, process, data });
  }

  /** A call with the worker's own retries; all of them succeed in the end. */
  callModel(task, at, process, { input, output }, finish) {
    const { request } = task;
    for (let attempt = 1, time = at; ; attempt++) {
      const fail = this.gateway.stormy("reviewer", time, attempt, request.r) ? "rate_limit" : undefined;
      const done = this.gateway.call({
        request,
        caller: "reviews",
        group: "reviewer",
        prompt: "review",
        at: time,
        input,
        output,
        labels: { task_id: task.id },
        fail,
      });
      const fields = { model_group: "reviewer", prompt_name: "review", prompt_version: 31, model_attempt: attempt };
      if (!done.failure) {
        (request.models ??= new Set()).add(done.served);
        this.say(done.end, "INFO", "briefly.llm", "model call finished", {
          task,
          process,
          extra: {
            ...fields,
            model: done.served,
            completion_id: done.completionId,
            input_tokens: done.input,
            output_tokens: done.output,
            finish_reason: finish,
            duration_ms: ms(done.end - time),
          },
        });
        return done;
      }
      const wait = backoff(request.r, attempt);
      this.say(done.end, "WARNING", "briefly.llm", "model call failed, retrying", {
        task,
        process,
        extra: {
          ...fields,
          error_type: done.failure.error,
          error: shortError(done.failure),
          duration_ms: ms(done.end - time),
          retry_in_s: { float: Math.round(wait / 1000) / 1000 },
        },
      });
      request.retries = (request.retries ?? 0) + 1;
      const next = done.end + wait + request.r.integer(300, 1500);
      request.span("retry_wait", "reviewer", done.end, next);
      time = next;
    }
  }

  /** The contract's extraction is broken: every attempt fails the same way, and Celery retries it because it retries everything. */
  refuse(task, at, process) {
    const { request, attempt } = task,
      r = this.r,
      error = `ContractValidationError('${INVALID}')`;
    const read = r.us(16, 0.3),
      t = at + read + r.integer(2000, 6000),
      args = `('${request.document.id}',)`;
    request.span("read", "pages", at, at + read);
    this.say(at + read, "DEBUG", "briefly.db", "db select", { task, process, extra: { table: "pages", rows: request.document.pages, duration_ms: ms(read) } });
    if (attempt <= 3) {
      const seconds = 10 * 2 ** (attempt - 1),
        text = `Retry in ${seconds}s: ${error}`,
        failedAt = t + 900,
        eta = failedAt + seconds * 1e6;
      this.say(t, "WARNING", "briefly.reviews", "review attempt failed", {
        task,
        process,
        extra: { attempt, error_type: "ContractValidationError", error: INVALID },
      });
      this.say(failedAt, "INFO", "celery.app.trace", `Task ${TASK}[${task.id}] retry: ${text}`, {
        task,
        process,
        data: { id: task.id, name: TASK, exc: text },
      });
      this.received(task, failedAt + r.integer(1800, 5200), eta);
      request.retries = (request.retries ?? 0) + 1;
      return { end: failedAt, again: { ...task, attempt: attempt + 1, failedAt, readyAt: eta } };
    }
    request.outcome = "dead_letter";
    request.story("semantic failure retried");
    this.say(t, "ERROR", "briefly.reviews", "moved to dead letters", {
      task,
      process,
      extra: { queue: "reviews.dead", attempt, error_type: "ContractValidationError", error: INVALID },
    });
    const trace = traceback(`briefly.errors.ContractValidationError: ${INVALID}`);
    const data = {
      hostname: "reviews@worker-1",
      id: task.id,
      name: TASK,
      exc: error,
      traceback: `${trace}\n`,
      args,
      kwargs: "{}",
      description: "raised unexpected",
      internal: false,
    };
    this.say(t + 700, "ERROR", "celery.app.trace", `Task ${TASK}[${task.id}] raised unexpected: ${error}`, { task, process, data, exception: trace });
    return { end: t + 700 };
  }
}

function traceback(last) {
  return [
    "Traceback (most recent call last):",
    '  File "/opt/briefly/venv/lib/python3.12/site-packages/celery/app/trace.py", line 453, in trace_task',
    "    R = retval = fun(*args, **kwargs)",
    "                 ^^^^^^^^^^^^^^^^^^^^",
    '  File "/opt/briefly/venv/lib/python3.12/site-packages/celery/app/trace.py", line 736, in __protected_call__',
    "    return self.run(*args, **kwargs)",
    "           ^^^^^^^^^^^^^^^^^^^^^^^^^",
    '  File "/opt/briefly/app/briefly/reviews.py", line 88, in run_review',
    "    contract = Contract.from_pages(pages)",
    "               ^^^^^^^^^^^^^^^^^^^^^^^^^^",
    '  File "/opt/briefly/app/briefly/contract.py", line 141, in from_pages',
    '    raise ContractValidationError(f"clauses.{n}.page: value is not a valid integer")',
    last,
  ].join("\n");
}
