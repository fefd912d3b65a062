// The Node worker: renders reports (queue `export`) and calls customers' webhooks (queue `webhook`). BullMQ numbers the jobs of a
// queue one by one, so one number names two jobs. Its host's clock is behind; the times here are true, the writer shifts them.

import { runPool } from "./pool.mjs";
import { Random } from "./random.mjs";
import { CONFIG, RELEASE, SEED, SKEW } from "./world.mjs";

/** Last numbers of the day before; the ranges overlap on purpose. */
const FIRST_JOB = { export: 2204, webhook: 2231 };

/** Numbers the jobs of a queue in the order in which they were added. */
function number(queue, jobs) {
  jobs.sort((a, b) => a.at - b.at);
  jobs.forEach((job, n) => Object.assign(job, { queue, id: String(FIRST_JOB[queue] + n), readyAt: job.at, attemptsMade: 0 }));
  for (const job of jobs) job.request.owns("job", `${queue}:${job.id}`);
  return jobs;
}

export class RenderWorker {
  constructor(journal) {
    this.journal = journal;
    this.r = new Random(SEED, "render-worker");
    this.webhooks = [];
  }

  say(at, level, fields, msg) {
    this.journal.say("render", at, { level, fields, msg });
  }

  /** `reports` come from the review worker, whose hand-over line gets the job's number. */
  run(reports, reviewWorker) {
    for (const job of number("export", reports)) {
      const extra = { queue: "export", job_id: job.id, template: "review-report" };
      reviewWorker.say(job.at, "INFO", "briefly.reviews", "report export queued", { task: { id: job.taskId }, process: job.process, extra });
    }
    runPool({ slots: 2, tasks: reports, pickup: () => this.r.integer(1500, 9000), execute: (job, start) => this.render(job, start) });
    number("webhook", this.webhooks);
    for (const job of this.webhooks) {
      this.say(job.at, 30, { queue: "export", jobId: job.parent, webhookJob: { queue: "webhook", id: job.id } }, "webhook job added");
    }
    runPool({ slots: 5, tasks: this.webhooks, pickup: () => this.r.integer(1500, 9000), execute: (job, start) => this.deliver(job, start) });
  }

  active(job, start, data) {
    const wait = job.attemptsMade ? "retry_wait" : "queue_wait";
    job.request.span(wait, job.queue, job.attemptsMade ? job.failedAt : job.at, start);
    this.say(start, 30, { queue: job.queue, jobId: job.id, attemptsMade: job.attemptsMade, data }, "job active");
  }

  completed(job, start, end, returnvalue) {
    const processedOn = hostMs(start),
      finishedOn = hostMs(end);
    job.request.span("task", job.queue, start, end);
    job.request.completedAt = Math.max(job.request.completedAt ?? 0, end);
    this.say(
      end + this.r.integer(200, 900),
      30,
      {
        queue: job.queue,
        jobId: job.id,
        returnvalue,
        processedOn,
        finishedOn,
        durationMs: finishedOn - processedOn,
        attemptsMade: job.attemptsMade + 1,
        status: "completed",
      },
      "job completed",
    );
  }

  render(job, start) {
    const r = this.r,
      { request } = job;
    this.active(job, start, { template: "review-report", documentId: request.document.id });
    const pages = r.integer(3, 14),
      layout = r.us(380 + pages * 40, 0.35),
      put = r.us(46, 0.4);
    let t = start + layout;
    this.say(t, 20, { queue: job.queue, jobId: job.id, pages, layoutMs: Math.round(layout / 1000) }, "report laid out");
    t += put;
    request.span("write", "reports", t - put, t);
    this.say(
      t,
      30,
      { queue: job.queue, jobId: job.id, bucket: "briefly-reports", bytes: pages * r.integer(31_000, 52_000), durationMs: Math.round(put / 1000) },
      "report stored",
    );
    if (request.tenant.webhook) this.webhooks.push({ request, at: t + r.integer(500, 1800), parent: job.id });
    const end = t + r.integer(2200, 4000);
    this.completed(job, start, end, { pages });
    return { end };
  }

  /** A customer's endpoint: mostly well, sometimes 503 and fine at the second attempt. */
  deliver(job, start) {
    const r = this.r,
      { request } = job,
      host = `hooks.${request.tenant.name}.example`;
    this.active(job, start, { event: "review.finished", requestId: request.id });
    const took = r.us(145, 0.5),
      end = start + took;
    if (job.attemptsMade === 0 && r.chance(0.07)) {
      const error = {
        type: "HttpError",
        message: `${host} answered 503`,
        stack: `HttpError: ${host} answered 503\n    at deliver (/srv/render/dist/webhook.js:61:13)\n    at async /srv/render/node_modules/bullmq/dist/cjs/classes/worker.js:595:32`,
      };
      request.span("task", job.queue, start, end, "retry");
      request.retries = (request.retries ?? 0) + 1;
      this.say(
        end,
        50,
        {
          queue: job.queue,
          jobId: job.id,
          attemptsMade: 1,
          failedReason: error.message,
          statusCode: 503,
          err: error,
          opts: { attempts: 4, backoff: { type: "exponential", delay: 2000 } },
        },
        "job failed",
      );
      return { end, again: { ...job, attemptsMade: 1, failedAt: end, readyAt: end + 2_000_000 } };
    }
    this.say(end, 30, { queue: job.queue, jobId: job.id, host, statusCode: 200, responseTimeMs: Math.round(took / 1000) }, "webhook delivered");
    request.span("http", host, start, end);
    this.completed(job, start, end + r.integer(900, 1900), { statusCode: 200 });
    return { end: end + 2000 };
  }

  /** Lines of the process itself. */
  start(at, until) {
    this.say(at, 30, { release: RELEASE, configVersion: CONFIG, queues: ["export", "webhook"] }, "render worker listening");
    for (let t = at + 60_000_000; t < until; t += 120_000_000) {
      this.say(t, 20, { rssMb: this.r.integer(148, 171), eventLoopLagMs: this.r.integer(0, 4) }, "process statistics");
    }
  }
}

/** A time as the render host's clock gives it, in whole milliseconds. */
function hostMs(us) {
  return Math.floor((us + SKEW.render) / 1000);
}
