// What really happened, one JSON object a request: for the tests that check the reconstruction. The product never reads it.
//
// Times are microseconds of true time: `start` since 1970, spans as [kind, name, start after the request's start, length, outcome unless ok].

export function truth(requests) {
  return `${requests
    .filter((request) => request.appStart)
    .map((request) => JSON.stringify(row(request)))
    .join("\n")}\n`;
}

function row(request) {
  const { id, time } = request;
  const spans = [...request.spans]
    .sort((a, b) => a.start - b.start || b.end - a.end)
    .map((s) => [s.kind, s.name, s.start - time, s.end - s.start, ...(s.outcome === "ok" ? [] : [s.outcome])]);
  const end = Math.max(...request.spans.map((s) => s.end));
  return {
    request_id: id,
    route: `${request.method} ${request.route}`,
    start: time,
    response_us: request.edgeEnd - time,
    completion_us: end - time,
    edge_status: request.edgeStatus,
    app_status: request.status,
    outcome: request.edgeStatus === 499 && request.outcome === "ok" ? "client_left" : request.outcome,
    ...(request.retries ? { retries: request.retries } : {}),
    ...(request.fallback ? { fallback: request.fallback } : {}),
    ...(request.models ? { models: [...request.models] } : {}),
    stories: request.stories,
    ids: request.ids,
    spans,
  };
}
