import bunyan from 'bunyan';
import { chat, embed } from './models.js';
import { enqueue, open } from './queues.js';
import * as store from './store.js';
import * as truth from '../truth/recorder.js';

const log = bunyan.createLogger({ name: 'worker', streams: [{ level: 'info', stream: new truth.Tap(`${process.env.STACK_NAME}.log`) }] });
const RETRIES = 2;
const queues = Object.fromEntries(['embed', 'finalize', 'summarise'].map((n) => [n, open(n, true)]));

const handlers = {
  async embed(job, jlog, fields) {
    const { importId, n, text, requestId, userId, sessionId } = job.data;
    if (store.read('select done from parts where import = ? and n = ?', importId, n)?.done) {
      jlog.warn('part is stored already, nothing to do');
      return 'skipped';
    }
    const vectors = await embed({ log: jlog, fields, input: [text] });
    await store.upsert(log, vectors.map((v, i) => ({ id: i, v })), text);
    const [fresh, last] = await store.write(jlog, {}, 'parts', [['update parts set done = 1 where import = ? and n = ? and done = 0', importId, n],
      ["update imports set state = 'finalizing' where id = ? and state = 'open' and not exists (select 1 from parts where import = imports.id and done = 0)", importId]]);
    if (!fresh) jlog.warn('part was stored by another worker meanwhile');
    if (last) {
      const next = await enqueue(queues.finalize, { importId, requestId, userId, sessionId });
      jlog.info({ finalizeJob: Number(next.id) }, 'last part stored, finalize enqueued');
    }
  },
  async finalize(job, jlog) {
    await store.publish(log);
    await store.write(jlog, {}, 'imports', [["update imports set state = 'ready' where id = ?", job.data.importId]]);
    jlog.info('import is ready');
  },
  async summarise(job, jlog, fields) {
    const check = (m) => {
      try {
        const v = JSON.parse(m.content[0].text);
        return typeof v.summary === 'string' ? v : undefined;
      } catch {
        return undefined;
      }
    };
    const value = await chat({ models: ['claude-haiku-5-5', 'claude-haiku-4-5'], log: jlog, fields: { ...fields, promptVersion: 'summary@3' }, body: { messages: [{ role: 'user', content: job.data.text }] }, check });
    await store.write(jlog, {}, 'summaries', [['insert into summaries (session, text) values (?, ?)', job.data.sessionId, value.summary]]);
  },
};

for (const [name, queue] of Object.entries(queues)) {
  const fieldsOf = (job) => ({ queue: name, job: Number(job.id) });
  queue.process(name === 'embed' ? 3 : 2, (job) => {
    const left = job.options.retries;
    const attempt = RETRIES - left + 1;
    return truth.op('task', name, async (o) => {
      const begun = performance.now();
      log.info({ ...fieldsOf(job), origin: job.data.requestId, userId: job.data.userId, sessionId: job.data.sessionId, attempt }, 'received');
      try {
        const said = await handlers[name](job, log.child(fieldsOf(job)), fieldsOf(job));
        if (said === 'skipped') o.outcome = 'skipped';
        log.info({ ...fieldsOf(job), ms: Math.round(performance.now() - begun) }, 'done');
      } catch (e) {
        o.outcome = left > 0 ? 'retry' : 'error';
        o.attrs.failure = e.kind ?? 'error';
        throw e;
      }
    }, { owner: { job: `${name}:${job.id}` }, ids: [`job:${name}:${job.id}`], attrs: { attempt } });
  });
  queue.on('retrying', (job, e) => truth.forJob(name, job.id, () => log.warn({ ...fieldsOf(job), error: e.message, retriesLeft: job.options.retries, delayMs: job.options.backoff.delay / (job.options.backoff.strategy === 'exponential' ? 2 : 1) }, 'job failed, will be tried again')));
  queue.on('failed:fatal', (job, e) => truth.forJob(name, job.id, () => log.error({ ...fieldsOf(job), error: e.message }, 'job failed for good')));
  queue.on('stalled', (id) => truth.forJob(name, id, () => log.warn({ queue: name, job: Number(id) }, 'job stalled, put back into the queue')));
  queue.on('error', (e) => log.error({ queue: name, error: e.message }, 'queue error'));
  queue.checkStalledJobs(1000);
}
await Promise.all(Object.values(queues).map((q) => q.ready()));
log.info({ queues: Object.keys(queues) }, 'worker ready');
setInterval(async () => log.info({ component: 'queue', counts: Object.fromEntries(await Promise.all(Object.entries(queues).map(async ([n, q]) => { const h = await q.checkHealth(); return [n, h.waiting + h.delayed]; }))) }, 'queue lengths'), 10000);
