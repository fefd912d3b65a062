// The two routes that answer while the client waits: a summary (one call, one body) and a question (retrieval, tools, a stream).

import { ms, requestedModel } from "./api.mjs";
import { STORY } from "./world.mjs";
import { tokensOf } from "./people.mjs";

/** Output tokens of a summary: version 9 quotes the clauses of some contracts in full, which is what made it slow. */
function summaryLength(request, at) {
  const r = request.r;
  if (at < STORY.promptChange) return Math.round(r.lognormal(235, 0.42));
  return Math.round(r.chance(0.3) ? r.lognormal(830, 0.3) : r.lognormal(240, 0.42));
}

export function summary(api, request, { script } = {}) {
  const r = request.r,
    document = request.document;
  let t = api.receive(request, { content_length: r.integer(38, 96) });
  t = api.read(request, t, "documents");
  t = api.read(request, t, "pages", document.pages, 3.8);
  const call = {
    group: "summariser",
    prompt: "summarise",
    input: tokensOf(document, r),
    output: summaryLength(request, t),
    labels: { request_id: request.id },
  };
  let done = api.callModel(request, t, call, script ? { script, attempts: 2 } : {});
  if (done.failure) done = fallBack(api, request, call, done);
  const finish = done.output >= 1900 ? "length" : "stop";
  t = api.answered(request, done.call ?? call, done, finish);
  t = api.write(request, t, "summaries");
  api.complete(request, t, 200, { size: 380 + done.output * 5, fields: done.call ? { degraded: true } : {} });
}

/** The smaller model answers in place of the one that failed twice. */
function fallBack(api, request, call, failed) {
  const to = "summariser-small";
  const t = failed.end + request.r.integer(500, 1400);
  api.say(request, t, "warning", "falling back to a smaller model", {
    fallback_from: call.group,
    fallback_to: to,
    model: requestedModel(to),
    reason: failed.failure.error,
    attempts: failed.attempt,
  });
  const small = { ...call, group: to };
  const done = api.callModel(request, t + request.r.integer(200, 700), small);
  request.fallback = { from: call.group, to };
  return { ...done, call: small };
}

export function ask(api, request, { cancel } = {}) {
  const r = request.r,
    document = request.document;
  request.traceId = r.uuid();
  // A stream has no time limit at the client: it leaves only when the reader closes the page.
  request.streaming = false;
  request.leavesAt = Infinity;
  const labels = {},
    traceId = request.traceId;
  let t = api.receive(request, { gateway_trace_id: traceId, stream: true, content_length: r.integer(90, 420) });
  t = api.read(request, t, "documents");
  const question = api.gateway.call({ request, caller: "api", group: "embedder", at: t, input: r.integer(9, 60), output: 0, labels, traceId });
  api.say(request, question.end, "debug", "question embedded", { model: question.served, input_tokens: question.input, duration_ms: ms(question.end - t) });
  t = api.read(request, question.end + 300, "chunks", 12, 11);
  const call = { group: "answerer", prompt: "ask", stream: true, input: r.integer(2100, 4600), output: Math.round(r.lognormal(165, 0.5)), labels, traceId };
  if (!cancel && r.chance(0.3)) t = toolRound(api, request, t, call);
  if (cancel === "before first token") return cancelled(api, request, t, call);
  const done = api.callModel(request, t, call);
  request.streaming = true;
  api.say(request, done.firstToken, "info", "first token", { completion_id: done.completionId, ttft_ms: ms(done.firstToken - done.start) });
  request.firstToken = done.firstToken;
  if (cancel === "while streaming") return cutStream(api, request, done);
  t = api.answered(request, call, done);
  t = api.write(request, t, "messages", "insert", 2);
  api.complete(request, t, 200, { size: 900 + done.output * 29 });
}

/** The model asks for clauses first; the API looks them up and calls it again. */
function toolRound(api, request, at, call) {
  const r = request.r;
  const done = api.callModel(request, at, { ...call, stream: false, output: r.integer(24, 60) });
  let t = api.answered(request, call, done, "tool_calls");
  for (let n = r.chance(0.25) ? 2 : 1; n > 0; n--) {
    const id = `call_${r.base62(24)}`,
      took = r.us(34, 0.5);
    request.owns("tool", id);
    request.span("tool", "get_clause", t, t + took);
    api.say(request, t + took, "info", "tool call finished", {
      tool: "get_clause",
      tool_call_id: id,
      completion_id: done.completionId,
      clauses: r.integer(1, 5),
      duration_ms: ms(took),
    });
    t += took + r.integer(200, 700);
  }
  return t;
}

/** The client leaves before the first token: the call is cancelled and the gateway never records it. */
function cancelled(api, request, at, call) {
  const r = request.r;
  api.say(request, at, "info", "model call started", { model_group: call.group, prompt_name: call.prompt, prompt_version: 12, attempt: 1, stream: true });
  const left = at + r.us(1450, 0.3);
  const t = left + r.integer(500, 2200);
  request.span("model", requestedModel(call.group), at, t, "cancelled");
  request.outcome = "cancelled";
  request.leavesAt = left;
  api.say(request, t, "warning", "client disconnected, model call cancelled", { model_group: call.group, attempt: 1, duration_ms: ms(t - at) });
  api.complete(request, t + r.integer(300, 900), 499, { level: "warning", event: "request cancelled" });
}

/** The client leaves while the answer streams: the edge has sent a 200 and a part of the body. */
function cutStream(api, request, done) {
  const r = request.r;
  const left = done.firstToken + Math.round((done.end - done.firstToken) * 0.4);
  const t = left + r.integer(600, 2400);
  request.outcome = "cancelled";
  request.leavesAt = left;
  api.say(request, t, "warning", "client disconnected, stream stopped", {
    completion_id: done.completionId,
    output_tokens_sent: Math.round(done.output * 0.4),
    duration_ms: ms(t - done.start),
  });
  api.complete(request, t + r.integer(300, 900), 200, { level: "warning", event: "request cancelled", size: 900 + Math.round(done.output * 11.6) });
}
