// SQLite for turns, imports and summaries; the vector store over HTTP. Both are clients with a logger of their own that know no request.
import Database from 'better-sqlite3';
import * as truth from '../truth/recorder.js';

const db = new Database(process.env.DB_FILE, { timeout: 4000 });
db.pragma('journal_mode = WAL');
db.exec(`create table if not exists turns (id integer primary key, session text, user text, answer text);
  create table if not exists imports (id text primary key, user text, parts integer, state text);
  create table if not exists parts (import text, n integer, job text, done integer default 0, primary key (import, n));
  create table if not exists summaries (id integer primary key, session text, text text);
  create table if not exists tickets (id integer primary key, session text, subject text);`);

export const read = (text, ...args) => db.prepare(text).get(...args);

// Runs the statements [[text, ...args], ...] in one transaction; says for each whether it changed anything.
export async function write(log, fields, table, statements) {
  const begun = performance.now();
  const changed = await truth.op('db_write', table, async () => db.transaction(() => statements.map(([text, ...args]) => db.prepare(text).run(...args).changes)).immediate());
  log.info({ component: 'store', ...fields, table, rows: changed.reduce((x, y) => x + y, 0), ms: Number((performance.now() - begun).toFixed(2)) }, 'rows written');
  return changed.map(Boolean);
}

async function vector(log, method, path, body) {
  const begun = performance.now();
  const r = await fetch(process.env.VECTOR_URL + path, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  log.info({ component: 'vector-client' }, `${method} ${path} ${r.status} in ${(performance.now() - begun).toFixed(1)} ms`);
  const answer = await r.json();
  if (!r.ok) throw Object.assign(new Error(`vector store answered ${r.status}`), { kind: 'server_error' });
  return answer;
}
export const search = (log, text) => vector(log, 'POST', '/collections/kb/points/search', { text });
export const upsert = (log, points, play) => truth.op('db_write', 'kb', () => vector(log, 'PUT', '/collections/kb/points', { points, play }));
export const publish = (log) => truth.op('db_write', 'kb', () => vector(log, 'POST', '/collections/kb/publish', {}));
