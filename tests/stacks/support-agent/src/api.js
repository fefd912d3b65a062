import { randomBytes, randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import { chat } from './models.js';
import { enqueue, open } from './queues.js';
import * as store from './store.js';
import { callTool, definitions } from './tools.js';
import * as truth from '../truth/recorder.js';

const MODELS = ['claude-sonnet-5-5', 'claude-haiku-5-5'];
const STEPS = 5;
const DEADLINE_MS = 6000;
const root = new URL('..', import.meta.url).href;
const err = (e) => ({ type: e.constructor.name, message: e.message, stack: e.stack.replaceAll(root, '') });      // paths as seen from the product
const stream = new truth.Tap(`${process.env.STACK_NAME}.log`);
const app = Fastify({ logger: { level: 'info', stream, serializers: { err } }, serverFactory: truth.serverFactory, bodyLimit: 8192 });
const lib = app.log.child({});
const queues = { embed: open('embed', false), summarise: open('summarise', false) };
const fail = (statusCode, message) => Object.assign(new Error(message), { statusCode });

app.addHook('onRequest', async (req, reply) => {
  req.correlation = req.headers['x-request-id'] ?? randomUUID();
  truth.named(req.correlation, req.id, Boolean(req.headers['x-request-id']));
  reply.header('x-request-id', req.correlation);
});

app.setErrorHandler((e, req, reply) => {
  const status = e.statusCode ?? 500;
  const fields = { correlationId: req.correlation, statusCode: status, userId: req.body?.userId, sessionId: req.body?.sessionId };
  if (status >= 500) req.log.error({ ...fields, requestId: e.cause?.requestId, err: e }, 'request failed');
  else req.log.warn({ ...fields, error: e.code ?? e.message }, status === 499 ? 'client closed the connection' : 'request rejected');
  reply.code(status).send({ error: status < 500 ? e.message : 'the assistant is not available' });
});

const ids = { userId: { type: 'string' }, sessionId: { type: 'string' } };
const needs = (properties) => ({ body: { type: 'object', properties: { ...ids, ...properties }, required: [...Object.keys(ids), ...Object.keys(properties)] } });

function answerOf(message) {
  const calls = message.content.filter((c) => c.type === 'tool_use');
  if (calls.length) return { calls, content: message.content };
  try {
    const value = JSON.parse(message.content[0].text);
    return typeof value.answer === 'string' && typeof value.confidence === 'number' ? { calls, final: value } : undefined;
  } catch {
    return undefined;
  }
}

app.post('/chat', { schema: needs({ message: { type: 'string', minLength: 1 } }) }, truth.handler(async (req, reply) => {
  const { userId, sessionId, message } = req.body;
  if (!/^s_[0-9a-f]+$/.test(sessionId)) throw fail(404, 'no such session');
  const gone = new AbortController();
  reply.raw.on('close', () => { if (!reply.raw.writableFinished) gone.abort(fail(499, 'client left')); });
  const late = setTimeout(() => gone.abort(fail(504, 'deadline passed')), DEADLINE_MS);
  req.log.info({ correlationId: req.correlation, userId, sessionId, promptVersion: 'support-agent@7' }, 'chat turn started');
  const messages = [{ role: 'user', content: message }];
  let final;
  try {
    for (let step = 1; step <= STEPS && !final; step++) {
      const answer = await chat({ models: MODELS, log: req.log, fields: { userId, sessionId, step }, signal: gone.signal, body: { messages, tools: definitions }, check: answerOf });
      final = answer.final;
      if (final) break;
      const results = await Promise.all(answer.calls.map((c) => callTool(lib, sessionId, c)));
      gone.signal.throwIfAborted();
      messages.push({ role: 'assistant', content: answer.content }, { role: 'user', content: results });
    }
  } catch (e) {
    if (gone.signal.aborted) throw gone.signal.reason;
    throw e.kind ? Object.assign(fail(502, e.message), { cause: e }) : e;
  } finally {
    clearTimeout(late);
  }
  if (!final) req.log.warn({ sessionId, steps: STEPS }, 'step limit reached');
  await store.write(lib, { userId, sessionId }, 'turns', [['insert into turns (session, user, answer) values (?, ?, ?)', sessionId, userId, final?.answer ?? null]]);
  return { answer: final?.answer ?? 'A colleague will take over.' };
}));

app.post('/import', { schema: needs({ parts: { type: 'array', minItems: 1, maxItems: 4 } }) }, truth.handler(async (req, reply) => {
  const { userId, sessionId, parts } = req.body;
  const importId = `imp_${randomBytes(5).toString('hex')}`;
  req.log.info({ correlationId: req.correlation, userId, sessionId, importId, parts: parts.length }, 'import accepted');
  await store.write(lib, { userId, sessionId }, 'imports', [["insert into imports values (?, ?, ?, 'open')", importId, userId, parts.length],
    ...Array.from(parts.keys(), (n) => ['insert into parts (import, n) values (?, ?)', importId, n])]);
  const jobs = [];
  for (const [n, text] of parts.entries()) {
    const job = await enqueue(queues.embed, { importId, n, text, requestId: req.correlation, userId, sessionId });
    jobs.push(['update parts set job = ? where import = ? and n = ?', job.id, importId, n]);
    req.log.info({ queue: 'embed', jobId: job.id, userId, part: n + 1 }, 'job enqueued');
  }
  await store.write(req.log, {}, 'parts', jobs);
  return reply.code(202).send({ importId });
}));

app.get('/imports/:id', truth.handler(async (req) => {
  const row = store.read('select state from imports where id = ?', req.params.id);
  if (!row) throw fail(404, 'no such import');
  const part = store.read('select job, done from parts where import = ? order by n desc', req.params.id);
  req.log.info({ correlationId: req.correlation, importId: req.params.id, state: row.state, queue: 'embed', lastJobId: part.job, done: Boolean(part.done) }, 'import state read');
  return { state: row.state };
}));

app.post('/summaries', { schema: needs({ text: { type: 'string' } }) }, truth.handler(async (req, reply) => {
  const { userId, sessionId, text } = req.body;
  const job = await enqueue(queues.summarise, { text, requestId: req.correlation, userId, sessionId }, { backoff: ['fixed', 800] });
  req.log.info({ correlationId: req.correlation, queue: 'summarise', jobId: job.id, userId, sessionId }, 'job enqueued');
  return reply.code(202).send({ jobId: job.id });
}));

app.get('/healthz', truth.handler(async () => ({ ok: true })));

await Promise.all(Object.values(queues).map((q) => q.ready()));
await app.listen({ port: Number(process.env.PORT) });
