// Who asks for what, and when: the plans of all requests, in order of time, stories included. Nothing is answered here.

import { drawDocument } from "./people.mjs";
import { Random } from "./random.mjs";
import { BULK_AGENT, CLIENTS, CLOSES, OPENS, SEED, STORY } from "./world.mjs";

/** How many requests come before and after the prompt changed: enough summaries on both sides to judge a 95th percentile. */
const ROUTES = {
  summary: { method: "POST", route: "/v1/documents/{id}/summary", before: 208, after: 212 },
  ask: { method: "POST", route: "/v1/documents/{id}/ask", before: 66, after: 42 },
  upload: { method: "POST", route: "/v1/documents", before: 38, after: 26 },
  review: { method: "POST", route: "/v1/contracts/{id}/review", before: 36, after: 26 },
  read: { method: "GET", route: "/v1/documents/{id}", before: 28, after: 24 },
};

export function plans(tenants) {
  const all = [];
  for (const [kind, { before, after }] of Object.entries(ROUTES)) {
    const r = new Random(SEED, "arrivals", kind);
    for (let n = 0; n < before + after; n++) {
      const time = n < before ? r.between(OPENS, STORY.promptChange) : r.between(STORY.promptChange, CLOSES);
      all.push(plan(kind, Math.round(time), tenants, new Random(SEED, "plan", kind, String(n))));
    }
  }
  return [...all, ...oddities(tenants), ...stories(tenants), ...questions(tenants), ...bulk(tenants)].sort((a, b) => a.time - b.time);
}

function plan(kind, time, tenants, r, more = {}) {
  const tenant = more.tenant ?? r.weighted(tenants);
  const document = more.document ?? (kind === "upload" ? drawDocument(r) : r.pick(tenant.documents));
  const client = more.client ?? r.weighted(Object.entries(CLIENTS).map(([name, c]) => ({ name, weight: c.weight }))).name;
  const { method, route } = ROUTES[kind] ?? {};
  const user = r.pick(tenant.users);
  return { kind, time, tenant, user, address: user.ip, document, client, method, route, path: route?.replace("{id}", document.id), ...more };
}

/** Rejected bodies, wrong ids, missing tokens, strangers at the door. */
function oddities(tenants) {
  const r = new Random(SEED, "oddities"),
    list = [];
  const some = (count, make) => Array.from({ length: count }, () => list.push(make(Math.round(r.between(OPENS, CLOSES)))));
  some(13, (time) => ({ ...plan(r.pick(["summary", "ask"]), time, tenants, r), kind: "invalid" }));
  some(6, (time) => {
    const document = drawDocument(r);
    return { ...plan("read", time, tenants, r, { document }), missing: true };
  });
  const unknown = { tenant: null, user: null, document: null, client: "unknown" };
  some(5, (time) => ({ ...plan("read", time, tenants, r), ...unknown, kind: "stranger", status: 401, userAgent: "python-requests/2.32.3" }));
  for (const path of ["/wp-login.php", "/.env", "/robots.txt", "/.git/config", "/admin", "/wp-login.php", "/favicon.ico"]) {
    some(1, (time) => ({
      kind: "stranger",
      status: 404,
      time,
      method: "GET",
      route: path,
      path,
      ...unknown,
      userAgent: "Mozilla/5.0 (compatible; CensysInspect/1.1)",
      address: `192.0.2.${r.integer(100, 250)}`,
    }));
  }
  return list;
}

/** The requests that the stories need, at their fixed times. */
function stories(tenants) {
  const r = new Random(SEED, "stories"),
    tallis = tenants.find((t) => t.name === "tallis");
  const broken = { ...drawDocument(new Random(SEED, "broken contract")), pages: 17 };
  const scripts = [
    ["server_error", "timeout"],
    ["timeout", "server_error"],
    ["server_error", "server_error"],
  ];
  return [
    ...STORY.fallbacks.map((time, n) => plan("summary", time, tenants, r, { client: "api", script: scripts[n] })),
    ...STORY.deadLetters.map((time) => plan("review", time, tenants, r, { tenant: tallis, document: broken, client: "api", invalid: true })),
    ...STORY.cancelledAsks.map((time, n) => plan("ask", time, tenants, r, { client: "web", cancel: n === 1 ? "while streaming" : "before first token" })),
    plan("upload", STORY.duplicateUpload, tenants, r, { duplicate: true, document: { ...drawDocument(r), pages: 46 } }),
    plan("upload", STORY.lostUpload, tenants, r, { lost: true, client: "web" }),
    ...STORY.crashes.map((time) => ({ ...plan("ask", time, tenants, r), kind: "crash" })),
  ];
}

/** A customer's training session: many questions at once, which is what reached the provider's limit. */
function questions(tenants) {
  const tenant = tenants.find((t) => t.name === "harbourline"),
    [from, to] = STORY.storm;
  return Array.from({ length: 16 }, (_, n) => {
    const r = new Random(SEED, "questions", String(n));
    return plan("ask", Math.round(r.between(from - 20e6, to - 25e6)), tenants, r, { tenant, client: "web" });
  });
}

/** One customer sends its whole drawer for review within seven minutes: more than two processes can take. */
function bulk(tenants) {
  const r = new Random(SEED, "bulk"),
    tenant = tenants.find((t) => t.name === "northgate-legal"),
    [from, to] = STORY.backlog;
  const count = 58,
    user = tenant.users[2];
  return Array.from({ length: count }, (_, n) => {
    const document = drawDocument(r),
      time = Math.round(from + ((to - from) * (n + r.between(0.1, 0.9))) / count);
    return { ...plan("review", time, tenants, r, { tenant, document, client: "api" }), user, address: user.ip, userAgent: BULK_AGENT, bulk: true };
  });
}
