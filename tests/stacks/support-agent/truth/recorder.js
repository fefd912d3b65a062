// The side channel: what truly happened, written beside the logs and never read by the product.
// One clock for all processes: the monotonic clock plus an offset that the driver measured once.
import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';

const NAME = process.env.STACK_NAME;
const OFFSET = BigInt(process.env.TRUTH_CLOCK);
const fd = fs.openSync(`${process.env.TRUTH_DIR}/${NAME}.${process.pid}.ndjson`, 'a');
const store = new AsyncLocalStorage();
let seq = 0;

export const now = () => String(process.hrtime.bigint() + OFFSET);
export const record = (o) => fs.writeSync(fd, JSON.stringify({ pid: process.pid, ...o }) + '\n');
const nextId = () => `${NAME}-${process.pid}-${++seq}`;
const here = () => store.getStore() ?? { owner: null, op: null, handle: null };

// A destination for a logger: notes the owner of each line, then writes it.
export class Tap {
  constructor(file) {
    this.file = file;
    const path = `${process.env.LOG_DIR}/${file}`;
    this.count = fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\n').length - 1 : 0;
    this.fd = fs.openSync(path, 'a');
  }

  write(line) {
    const sum = createHash('sha1').update(line.trimEnd()).digest('hex').slice(0, 12);
    record({ t: 'line', file: this.file, n: ++this.count, owner: here().owner, sum });
    fs.writeSync(this.fd, line);
    return true;
  }
}

// Runs fn as one operation below the current one. fn gets a handle on which ids, attrs and outcome may be set.
export async function op(kind, name, fn, extra = {}) {
  const up = here();
  const o = { id: nextId(), kind, name, ids: extra.ids ?? [], attrs: extra.attrs ?? {}, outcome: 'ok' };
  const owner = extra.owner ?? up.owner;
  record({ t: 'start', id: o.id, parent: up.op, owner, kind, name, at: now(), ids: o.ids, attrs: o.attrs });
  try {
    return await store.run({ owner, op: o.id, handle: o }, () => fn(o));
  } catch (e) {
    if (o.outcome === 'ok') o.outcome = e.truth ?? 'error';
    throw e;
  } finally {
    record({ t: 'end', id: o.id, at: now(), outcome: o.outcome, ids: o.ids, attrs: o.attrs });
  }
}

// Says that what fn logs belongs to a job, outside of its task (queue events).
export const forJob = (queue, id, fn) => store.run({ owner: { job: `${queue}:${id}` }, op: null, handle: null }, fn);

export const published = (queue, id, at) => record({ t: 'publish', queue, id: String(id), at, owner: here().owner, parent: here().op });

// fetch for the model clients: notes when the headers came, the status and the id the provider gave.
export async function fetchNoting(url, init) {
  const o = here().handle;
  const r = await fetch(url, init);
  if (o) {
    o.attrs.headers_at = now();
    o.attrs.status = r.status;
    const id = r.headers.get('request-id') ?? r.headers.get('x-request-id');
    if (id) o.ids.push(`call:${id}`);
  }
  return r;
}

// An HTTP server whose requests are operations of kind app; an answer may be written after the handler's own context is gone,
// so the events of both streams run in the context of their request.
export function serverFactory(handler) {
  let n = 0;
  return http.createServer((req, res) => {
    const id = nextId();
    const key = `${NAME}/${++n}`;
    const ctx = { owner: { http: key }, op: id, handle: null };
    record({ t: 'arrive', id, http: key, play: req.headers['x-play'] ?? null, name: `${req.method} ${req.url}`, at: now() });
    delete req.headers['x-play'];
    for (const s of [req, res]) {
      const emit = s.emit;
      s.emit = (...a) => store.run(ctx, () => emit.apply(s, a));
    }
    res.on('finish', () => record({ t: 'app_end', id, at: now(), status: res.statusCode }));
    res.on('close', () => { if (!res.writableFinished) record({ t: 'left', id, at: now() }); });
    store.run(ctx, () => handler(req, res));
  });
}

export const named = (uuid, short, supplied) => record({ t: 'request', http: here().owner.http, uuid, short, supplied });

// Wraps a route handler: the app is at work until the later of its return and the end of the answer.
export const handler = (fn) => async (req, reply) => {
  const { op: id } = here();
  try {
    return await fn(req, reply);
  } finally {
    record({ t: 'handled', id, at: now() });
  }
};
