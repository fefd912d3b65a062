// What every handler of the API does and logs: receive, read, call a model with retries, write, answer. And the edge before it.
//
// The context (request, tenant) is bound once and written on every line of the request, as structlog's contextvars do.

import { backoff, shortError } from "./gateway.mjs";
import { CLIENTS, MODELS, promptVersion } from "./world.mjs";

export class Api {
  constructor(journal, gateway) {
    this.journal = journal;
    this.gateway = gateway;
  }

  say(request, at, level, event, fields = {}) {
    this.journal.say("api", at, { level, event, fields, context: context(request) });
  }

  /** The request arrives; returns the time at which its handler runs. */
  receive(request, fields = {}) {
    request.appStart = request.time + request.r.integer(450, 1900);
    const { method, path, edgeId } = request;
    this.say(request, request.appStart, "info", "request received", {
      method,
      path,
      edge_request_id: edgeId,
      client: request.client,
      ...person(request),
      ...fields,
    });
    request.owns("edge", edgeId);
    return request.appStart + request.r.integer(250, 900);
  }

  read(request, at, table, rows = 1, medianMs = 2.4) {
    const took = request.r.us(medianMs, 0.45);
    request.span("read", table, at, at + took);
    this.say(request, at + took, "debug", "db select", { table, rows, duration_ms: ms(took) });
    return at + took + request.r.integer(150, 700);
  }

  write(request, at, table, operation = "insert", rows = 1, medianMs = 6.5) {
    const took = request.r.us(medianMs, 0.5);
    request.span("write", table, at, at + took);
    this.say(request, at + took, "info", `db ${operation}`, { table, rows, duration_ms: ms(took) });
    return at + took + request.r.integer(150, 600);
  }

  /**
   * A model call with the API's own retries: up to five attempts, waits between them. `script` names failures of the first
   * attempts; without it the weather decides. Returns the last attempt; `failure` is set when all failed.
   */
  callModel(request, at, call, { script = null, attempts = 5 } = {}) {
    let time = at;
    for (let attempt = 1; ; attempt++) {
      const fail = script ? script[attempt - 1] : this.gateway.stormy(call.group, time, attempt, request.r) ? "rate_limit" : undefined;
      const fields = { model_group: call.group, ...promptFields(call.prompt, time), attempt };
      this.say(request, time, "info", "model call started", { ...fields, stream: call.stream ?? false });
      const done = this.gateway.call({ request, caller: "api", ...call, at: time, fail });
      if (!done.failure) return { ...done, attempt };
      const { error, code } = done.failure;
      if (attempt >= attempts) {
        this.say(request, done.end, "error", "model call failed", {
          ...fields,
          status_code: Number(code),
          error_type: error,
          error: shortError(done.failure),
          duration_ms: ms(done.end - time),
        });
        return { ...done, attempt };
      }
      const wait = backoff(request.r, attempt);
      this.say(request, done.end, "warning", "model call failed, retrying", {
        ...fields,
        status_code: Number(code),
        error_type: error,
        error: shortError(done.failure),
        duration_ms: ms(done.end - time),
        retry_in_ms: ms(Math.round(wait / 1000) * 1000),
      });
      const next = done.end + wait + request.r.integer(300, 2500);
      request.span("retry_wait", call.group, done.end, next);
      request.retries = (request.retries ?? 0) + 1;
      time = next;
    }
  }

  /** The line after a model answered. */
  answered(request, call, done, finish = "stop") {
    const fields = {
      model: done.served,
      completion_id: done.completionId,
      input_tokens: done.input,
      output_tokens: done.output,
      finish_reason: finish,
      attempt: done.attempt,
      duration_ms: ms(done.end - done.start),
    };
    this.say(request, done.end, "info", "model call finished", { model_group: call.group, ...promptFields(call.prompt, done.start), ...fields });
    (request.models ??= new Set()).add(done.served);
    return done.end + request.r.integer(400, 1500);
  }

  /** The answer leaves; the edge sees it a little later, or the client has gone by then. */
  complete(request, at, status, { size = 420, fields = {}, level = "info", event = "request completed" } = {}) {
    request.status = status;
    request.appEnd = at;
    request.span("app", `${request.method} ${request.route}`, request.appStart, at, status >= 500 ? "error" : "ok");
    const leftAt = request.leavesAt ?? request.time + CLIENTS[request.client]?.giveUpMs * 1000;
    request.left = leftAt < at;
    this.say(request, at, level, event, { status, duration_ms: ms(at - request.appStart), ...fields, ...(request.left ? { client_gone: true } : {}) });
    this.edge(
      request,
      request.left && !request.streaming
        ? { end: leftAt + request.r.integer(80, 900), status: 499, size: 0, empty: true }
        : { end: (request.left ? leftAt : at) + request.r.integer(350, 1800), status, size },
    );
  }

  /** The edge's line. */
  edge(request, { end, status, size, empty = false }) {
    request.edgeStatus = status;
    request.edgeEnd = end;
    request.span("edge", `${request.method} ${request.route}`, request.time, end, status === 499 ? "client_closed" : status >= 500 ? "error" : "ok");
    this.journal.say("edge", end, { request, start: request.time, end, nanos: request.r.integer(0, 999), status, size, empty });
  }
}

export function context(request) {
  if (!request) return {};
  return { request_id: request.id, ...(request.tenant ? { tenant_id: request.tenant.id } : {}) };
}

/** Who asks: on the first line only. */
function person(request) {
  return { ...(request.user ? { user_id: request.user.id } : {}), ...(request.session ? { session_id: request.session } : {}) };
}

export function promptFields(prompt, time) {
  return prompt ? { prompt_name: prompt, prompt_version: promptVersion(prompt, time) } : {};
}

/** Milliseconds as Python's `round(x, 3)` gives them. */
export function ms(us) {
  return { float: Math.round(us) / 1000 };
}

export function requestedModel(group) {
  return MODELS[group].model;
}
