// Starts the stack, plays traffic and faults, stops it. Writes out/logs and the raw records of the side channel.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';

const ROOT = new URL('.', import.meta.url).pathname;
const [OUT, RUN] = process.argv.slice(2);
const PORT = Number(process.env.BASE_PORT ?? 7410);
const [CLIENTS, SECONDS] = [9, Number(process.env.RUN_SECONDS ?? 75)];
const API = [PORT + 1, PORT + 2];
const clock = BigInt(Date.now()) * 1000000n - process.hrtime.bigint();
const env = { ...process.env, TRUTH_CLOCK: String(clock), TRUTH_DIR: `${RUN}/truth`, LOG_DIR: `${OUT}/logs`, DB_FILE: `${RUN}/app.db`,
  REDIS_PORT: String(PORT), MODEL_URL: `http://127.0.0.1:${PORT + 3}`, VECTOR_URL: `http://127.0.0.1:${PORT + 4}` };
for (const d of [env.TRUTH_DIR, env.LOG_DIR]) fs.mkdirSync(d, { recursive: true });
const truth = fs.openSync(`${env.TRUTH_DIR}/driver.ndjson`, 'a');
const now = () => String(process.hrtime.bigint() + clock);
const record = (o) => fs.writeSync(truth, JSON.stringify(o) + '\n');
const sleep = (ms) => new Promise((r) => { setTimeout(r, ms); });

let seed = Number(process.env.SEED ?? 11);
const random = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648; };
const pick = (list) => list[Math.floor(random() * list.length)];
const users = Array.from({ length: 14 }, (_, i) => `u_${1040 + i * 7}`);
const sessions = Array.from({ length: 22 }, (_, i) => ({ sessionId: `s_${(0x3fa1 + i * 7919).toString(16)}`, userId: users[i % users.length] }));

// ---- processes
const running = new Map();
function start(name, file, more = {}) {
  const err = fs.openSync(`${RUN}/${name}.err`, 'a');
  const p = file.endsWith('.js') ? spawn('node', [ROOT + file], { env: { ...env, STACK_NAME: name, ...more }, stdio: ['ignore', err, err] })
    : spawn(file, more.args, { stdio: ['ignore', err, err] });
  running.set(name, p);
  return p;
}
start('redis', 'redis-server', { args: ['--port', String(PORT), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'] });
start('provider', 'standins/provider.js', { PORT: String(PORT + 3) });
start('vectors', 'standins/vectors.js', { PORT: String(PORT + 4) });
await sleep(800);
start('api-1', 'src/api.js', { PORT: String(API[0]) });
await sleep(700);
start('api-2', 'src/api.js', { PORT: String(API[1]) });
start('worker-1', 'src/worker.js');
await sleep(700);
start('worker-2', 'src/worker.js');
await sleep(1500);

// ---- what is played
const MAIN = 'claude-sonnet-5-5';
const SMALL = 'claude-haiku-5-5';
const chat = (plan, more = {}) => ({ path: '/chat', body: { message: plan }, ...more });
const importing = (plans, more = {}) => ({ path: '/import', body: { parts: plans }, polls: 1, ...more });
const summary = (plan) => ({ path: '/summaries', body: { text: plan } });
const m = (list, more = {}) => ({ steps: 1 + Math.floor(random() * 3), ...more, model: { [MAIN]: list } });
const embeds = (...list) => ({ model: { '*': list } });
const oks = (n) => Array.from({ length: n }, () => ({}));
const scenarios = {
  chat_ok: [48, () => chat({ steps: 1 + Math.floor(random() * 4), wide: random() < 0.3 ? 2 : 1 })],
  chat_429: [7, () => chat(m(['429']))],
  chat_500: [6, () => chat(m(['ok', '500'], { steps: 2 }))],
  chat_529: [5, () => chat(m(['529']))],
  chat_529_fallback: [7, () => chat(m(['529*'], { steps: 1 + Math.floor(random() * 2) }))],
  chat_timeout_retry: [5, () => chat(m(['hang']))],
  chat_hang_fallback: [4, () => chat(m(['hang*'], { steps: 1 }))],
  chat_cut_body: [4, () => chat(m(['cut']))],
  chat_semantic: [8, () => chat(m(['ok', 'schema'], { steps: 2 }))],
  chat_semantic_dead: [4, () => chat({ steps: 1, model: { [MAIN]: ['schema*'] } })],
  chat_dead: [4, () => chat({ steps: 1, model: { [MAIN]: ['500*'], [SMALL]: ['529*'] } })],
  chat_deadline: [4, () => chat({ steps: 9, model: { [MAIN]: ['slow1050*'] } })],
  chat_loop: [3, () => chat({ steps: 9 })],
  chat_tool_error: [6, () => chat({ steps: 2, tool: 'get_order' })],
  chat_left: [9, () => chat({ steps: 3, model: { [MAIN]: ['slow600*'] } }, { leave: 200 + Math.floor(random() * 1500) })],
  chat_400: [6, () => ({ path: '/chat', body: {} })],
  chat_404: [4, () => chat({}, { session: 'unknown' })],
  too_big: [2, () => chat({ fill: 'x'.repeat(9000) })],
  import_ok: [32, () => importing(oks(1 + Math.floor(random() * 4)))],
  import_429: [6, () => importing([embeds('429'), ...oks(Math.floor(random() * 3))])],
  import_retry: [6, () => importing([embeds('500', '500'), ...oks(1)])],
  import_busy_store: [6, () => importing([{ refuse: 1 }, ...oks(2)])],
  import_dead: [5, () => importing([embeds('500*'), ...oks(Math.floor(random() * 3))])],
  import_400: [3, () => ({ path: '/import', body: { parts: [] } })],
  sum_ok: [32, () => summary({})],
  sum_429: [5, () => summary({ model: { [SMALL]: ['429'] } })],
  sum_fallback: [6, () => summary({ model: { [SMALL]: ['529*'] } })],
  sum_semantic: [7, () => summary({ model: { [SMALL]: ['schema'] } })],
  sum_semantic_dead: [4, () => summary({ model: { [SMALL]: ['schema*'] } })],
  sum_dead: [3, () => summary({ model: { [SMALL]: ['500*'], 'claude-haiku-4-5': ['500*'] } })],
  poll_404: [3, () => ({ path: '/imports/imp_0000000000', method: 'GET' })],
};

let count = 0;
async function play(scenario, { path, method = 'POST', body, leave, polls, session, port = pick(API) }, who = pick(sessions)) {
  const key = `c${++count}`;
  const mark = (plan, i = '') => `text [[${JSON.stringify({ key: key + i, ...plan })}]]`;
  const sent = body && { ...who, ...body };
  if (session) sent.sessionId = session;
  if (sent?.message) sent.message = mark(sent.message);
  if (sent?.text) sent.text = mark(sent.text);
  if (sent?.parts) sent.parts = sent.parts.map((p, i) => mark(p, `-${i}`));
  const headers = { 'x-play': key, ...(body ? { 'content-type': 'application/json' } : {}), ...(random() < 0.2 ? { 'x-request-id': randomUUID() } : {}) };
  const startAt = now();
  let status = null;
  let answer;
  try {
    const r = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body: sent && JSON.stringify(sent), signal: leave ? AbortSignal.timeout(leave) : undefined });
    status = r.status;
    answer = await r.json();
  } catch { /* left, or the connection broke */ }
  record({ t: 'client', play: key, scenario, start: startAt, end: now(), status, aborted: Boolean(leave) && status === null });
  for (let i = 0; polls && answer?.importId && i < polls; i++) {
    await sleep(60 + random() * 900);
    await play('poll', { path: `/imports/${answer.importId}`, method: 'GET' });
  }
}

const bag = Object.entries(scenarios).flatMap(([name, [n]]) => Array(n).fill(name));
for (let i = bag.length - 1; i > 0; i--) { const j = Math.floor(random() * (i + 1)); [bag[i], bag[j]] = [bag[j], bag[i]]; }
const total = bag.length;
const begun = Date.now();
const due = (i) => begun + (i / total) * SECONDS * 1000;
const bunch = (n, what) => Promise.all(Array.from({ length: n }, () => play(what, importing(Array.from({ length: 3 }, () => embeds('slow1400')), { polls: 0 }))));

async function client() {
  while (bag.length) {
    const at = due(total - bag.length);
    const name = bag.pop();
    await sleep(Math.max(0, at - Date.now()) + random() * 250);
    await play(name, scenarios[name][1]());
  }
}
async function health() {
  while (Date.now() < begun + SECONDS * 1000) {
    for (const port of API) await play('health', { path: '/healthz', method: 'GET', port });
    await sleep(4000);
  }
}
async function faults() {
  await sleep(SECONDS * 400);
  await bunch(3, 'import_crash');
  await sleep(600);
  const victim = running.get('worker-1');
  victim.kill('SIGKILL');
  record({ t: 'kill', pid: victim.pid, at: now() });
  await sleep(1500);
  start('worker-1', 'src/worker.js');
  await sleep(SECONDS * 250);
  await bunch(2, 'import_frozen');
  await sleep(500);
  const frozen = running.get('worker-2');
  frozen.kill('SIGSTOP');
  record({ t: 'freeze', pid: frozen.pid, at: now() });
  await sleep(6000);
  frozen.kill('SIGCONT');
  record({ t: 'thaw', pid: frozen.pid, at: now() });
}
await Promise.all([...Array.from({ length: CLIENTS }, client), health(), faults()]);
await sleep(12000);
for (const name of ['api-1', 'api-2', 'worker-1', 'worker-2', 'provider', 'vectors', 'redis']) { running.get(name).kill('SIGTERM'); await sleep(100); }
