// Tenants, their users and their documents, drawn once; and the request object that every flow fills.
//
// A request keeps its own truth while the flows write the logs: spans in true time, the ids that belong to it, its stories.

import { Random } from "./random.mjs";
import { CLIENTS, FILE_NAMES, SEED, TENANTS } from "./world.mjs";

export function drawTenants() {
  return TENANTS.map((tenant) => {
    const r = new Random(SEED, "tenant", tenant.name);
    const users = Array.from({ length: tenant.users }, (_, i) => ({
      id: `usr_${r.base62(16)}`,
      ip: `${r.pick(["203.0.113", "198.51.100", "192.0.2"])}.${r.integer(2, 250)}`,
      seat: i,
    }));
    const documents = Array.from({ length: 14 }, () => drawDocument(r));
    return { ...tenant, id: `ten_${r.base62(16)}`, users, documents };
  });
}

export function drawDocument(r) {
  const pages = Math.max(1, Math.min(90, Math.round(r.lognormal(9, 0.7))));
  return { id: `doc_${r.base62(20)}`, pages, name: r.pick(FILE_NAMES), bytes: pages * r.integer(21_000, 64_000) };
}

/** Input tokens of a document in a prompt. */
export function tokensOf(document, r) {
  return Math.round(document.pages * r.between(540, 660)) + 700;
}

export class Request {
  /** `plan`: { time, route, method, path, tenant, user, document, client }. */
  constructor(plan, number) {
    const r = new Random(SEED, "request", plan.route, String(plan.time), String(number));
    Object.assign(this, plan);
    this.r = r;
    this.edgeId = r.uuid();
    this.id = `req_${r.ulid(plan.time + 900)}`;
    this.session = plan.client === "web" ? `ses_${new Random(SEED, "session", plan.user?.id ?? "").hex(24)}` : null;
    this.port = String(r.integer(32_768, 60_999));
    this.stories = [];
    this.spans = [];
    this.ids = {};
    this.outcome = "ok";
  }

  /** Notes a stretch of true time: [kind, name, start, end, outcome]. */
  span(kind, name, start, end, outcome = "ok") {
    this.spans.push({ kind, name, start, end, outcome });
  }

  owns(kind, value) {
    (this.ids[kind] ??= []).push(value);
  }

  story(name) {
    if (!this.stories.includes(name)) this.stories.push(name);
  }

  agent() {
    return this.userAgent ?? CLIENTS[this.client].agent;
  }
}
