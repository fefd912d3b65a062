// edge/access.log: Caddy's JSON access log. Caddy gives each request a UUID, passes it on as X-Request-Id and answers with it; the
// application logs it as edge_request_id beside its own id. Answers of 400 and above are logged as errors.

import { Random } from "../sim/random.mjs";
import { SEED, SKEW } from "../sim/world.mjs";

export function caddy(entry) {
  const { request, status, size } = entry;
  const r = new Random(SEED, "edge", request.edgeId);
  const end = entry.end + SKEW.edge;
  return JSON.stringify({
    level: status >= 400 ? "error" : "info",
    ts: (end + entry.nanos / 1000) / 1e6,
    logger: "http.log.access.log0",
    msg: "handled request",
    request: {
      remote_ip: request.address ?? "192.0.2.77",
      remote_port: request.port,
      proto: "HTTP/2.0",
      method: request.method,
      host: "api.briefly.example",
      uri: request.path,
      headers: requestHeaders(request, r),
      tls: { resumed: r.chance(0.7), version: 772, cipher_suite: 4865, proto: "h2", server_name: "api.briefly.example" },
    },
    user_id: "",
    duration: (Math.round(entry.end - entry.start) * 1000 + entry.nanos) / 1e9,
    size,
    status,
    resp_headers: responseHeaders(entry, r),
  });
}

/** Go walks its header maps in no order. */
function shuffled(pairs, r) {
  return Object.fromEntries(
    pairs
      .map((pair) => [r.next(), pair])
      .sort((a, b) => a[0] - b[0])
      .map(([, pair]) => pair),
  );
}

function requestHeaders(request, r) {
  const headers = [
    ["User-Agent", [request.agent()]],
    ["Accept", ["*/*"]],
  ];
  if (request.tenant) headers.push(["Authorization", []]);
  if (request.method === "POST") headers.push(["Content-Type", [request.route === "/v1/documents" ? "application/pdf" : "application/json"]]);
  return shuffled(headers, r);
}

function responseHeaders({ request, status, empty }, r) {
  const headers = [
    ["Server", empty || request.route === "/healthz" ? ["Caddy"] : ["Caddy", "uvicorn"]],
    ["X-Request-Id", [request.edgeId]],
  ];
  if (!empty)
    headers.push([
      "Content-Type",
      [request.streaming ? "text/event-stream; charset=utf-8" : status === 404 && !request.tenant ? "text/plain; charset=utf-8" : "application/json"],
    ]);
  return shuffled(headers, r);
}
