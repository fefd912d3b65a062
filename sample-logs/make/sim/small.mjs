// Everything around the work: reads, polls of a job's state, rejected bodies, strangers, health checks, two crashes.

import { Request } from "./people.mjs";

export function readDocument(api, request) {
  let t = api.receive(request);
  const found = !request.missing;
  t = api.read(request, t, "documents", found ? 1 : 0);
  if (found) t = api.read(request, t, "summaries", request.r.integer(0, 3));
  finish(api, request, t, found ? 200 : 404, found ? request.r.integer(900, 5200) : 61);
}

/** `GET /v1/jobs/{task}`: names a job that another request started. */
export function poll(api, request) {
  let t = api.receive(request);
  t = api.read(request, t, "reviews", 1, 1.6);
  finish(api, request, t, 200, 118);
}

export function invalidBody(api, request) {
  const r = request.r;
  const t = api.receive(request, { content_length: r.integer(12, 70) }) + r.integer(300, 1400);
  const problem = r.pick([
    ["length", "Input should be 'short', 'medium' or 'long'"],
    ["question", "String should have at least 3 characters"],
    ["language", "Input should be a valid string"],
  ]);
  api.say(request, t, "warning", "request body rejected", { error_type: "RequestValidationError", field: problem[0], error: problem[1] });
  request.outcome = "rejected";
  finish(api, request, t + r.integer(200, 600), 422, 143);
}

/** No valid token, or a path that does not exist: answered before any tenant is known. */
export function stranger(api, request, status) {
  const t = api.receive(request) + request.r.integer(150, 700);
  request.outcome = "rejected";
  finish(api, request, t, status, status === 401 ? 47 : 22);
}

/** A bug: the handler raises, the framework prints the traceback on standard output as text. */
export function crash(api, request) {
  const r = request.r;
  let t = api.receive(request, { content_length: r.integer(90, 420) });
  t = api.read(request, t, "documents") + r.integer(200, 900);
  api.say(request, t, "error", "unhandled exception", { error_type: "KeyError", error: "'language'" });
  request.outcome = "error";
  finish(api, request, t + r.integer(100, 400), 500, 21);
  api.journal.say("api", request.appEnd + 40, { text: CRASH.join("\n") });
  request.story("crash");
}

/** A health check ends at the edge's own handler and reaches no application line. */
export function health(api, time, n) {
  const request = new Request(
    { time, route: "/healthz", method: "GET", path: "/healthz", client: "monitor", userAgent: "UptimeMonitor/2.0", address: "192.0.2.77" },
    n,
  );
  api.edge(request, { end: time + request.r.integer(180, 900), status: 200, size: 2 });
  return request;
}

function finish(api, request, at, status, size) {
  api.complete(request, at + request.r.integer(200, 900), status, { size, level: status >= 500 ? "error" : "info" });
}

const CRASH = [
  "ERROR:    Exception in ASGI application",
  "Traceback (most recent call last):",
  '  File "/opt/briefly/venv/lib/python3.12/site-packages/uvicorn/protocols/http/httptools_impl.py", line 409, in run_asgi',
  "    result = await app(  # type: ignore[func-returns-value]",
  "             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
  '  File "/opt/briefly/venv/lib/python3.12/site-packages/fastapi/applications.py", line 1054, in __call__',
  "    await super().__call__(scope, receive, send)",
  '  File "/opt/briefly/app/briefly/api/ask.py", line 57, in ask',
  '    language = document.meta["language"]',
  "               ~~~~~~~~~~~~~^^^^^^^^^^^^",
  "KeyError: 'language'",
];
