'use strict'
// node worker.js: takes jobs from the queue. A job that fails comes back, four runs in all.
const bunyan = require('bunyan')
const db = require('./db')
const queue = require('./queue')
const tools = require('./tools')
const { Llm, ms, z } = require('./llm')

const root = bunyan.createLogger({ name: 'pactum-worker', hostname: process.env.HOSTNAME || 'worker', serializers: bunyan.stdSerializers })
const jobs = queue.connect({ activateDelayedJobs: true })
const llm = new Llm(root)
const Clauses = z.object({ clauses: z.array(z.object({ kind: z.string(), risk: z.string() })) })

async function extract (log, data) {
  const c = await db.one('select body, value from contracts where id = $1', data.contractId)
  const { answer } = await llm.json(log, 'extract-v21', Clauses, { system: 'Extract the clauses. JSON: clauses[kind, risk]', messages: [{ role: 'user', content: c.body }] })
  const t = performance.now()
  for (const x of answer.clauses) await db.run('insert into clauses (contract_id, kind, risk) values ($1, $2, $3)', data.contractId, x.kind, x.risk)
  await db.run("update contracts set state = 'extracted' where id = $1", data.contractId)
  log.info({ contractId: data.contractId, clauses: answer.clauses.length, durationMs: ms(t) }, 'clauses saved')
  if (c.value > 100000) {
    const next = await queue.add(jobs, { kind: 'notify', requestId: data.requestId, contractId: data.contractId })
    log.info({ nextJob: Number(next.id) }, 'notify job queued')
  }
}

async function notify (log, data) {
  const t = performance.now()
  log.info('calling webhook')
  const r = await fetch(process.env.WEBHOOK_URL, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ contract: data.contractId }) })
  if (!r.ok) throw new Error('webhook answered ' + r.status)
  log.info({ status: r.status, durationMs: ms(t) }, 'webhook delivered')
  await db.run('insert into notifications (contract_id) values ($1)', data.contractId)
}

async function review (log, data) {
  const messages = [{ role: 'user', content: `Review contract ${data.contractId}` }]
  for (let turn = 1; turn <= 6; turn++) {
    const r = await llm.call(log, 'review-v2', { system: 'You review contracts for a legal team.', messages, tools: tools.defs })
    if (!r.calls.length) {
      await db.run('insert into reviews (contract_id, verdict) values ($1, $2)', data.contractId, r.text.slice(0, 60))
      log.info({ turns: turn, contractId: data.contractId }, 'review saved')
      return
    }
    messages.push(r.message)
    for (const c of r.calls) {
      const t = performance.now()
      log.info({ tool: c.name, toolCallId: c.id }, 'running tool')
      const out = await tools.run(c.name, c.args, c.id)
      log.info({ tool: c.name, toolCallId: c.id, found: out.found, durationMs: ms(t) }, 'tool finished')
      messages.push({ role: 'tool', tool_call_id: c.id, content: JSON.stringify(out) })
    }
  }
  throw new Error('agent did not come to an end')
}

const kinds = { extract, notify, review }

jobs.process(6, async (job) => {
  const { kind, requestId, traceId } = job.data
  const log = root.child({ requestId, job: Number(job.id) })
  const attempt = queue.RETRIES - job.options.retries + 1
  const t = performance.now()
  const before = await db.one('select state from job_runs where job_id = $1', job.id)
  if (before && before.state === 'done') {
    log.warn({ kind }, 'job is done already, skipping')
    return
  }
  log.info({ kind, attempt, traceId }, 'job started')
  await db.run("insert into job_runs (job_id, kind) values ($1, $2) on conflict (job_id) do update set attempts = job_runs.attempts + 1, state = 'running'", job.id, kind)
  try {
    await kinds[kind](log, job.data)
    await db.run("update job_runs set state = 'done', updated_at = now() where job_id = $1", job.id)
    log.info({ kind, durationMs: ms(t) }, 'job done')
  } catch (err) {
    if (err.permanent) job.retries(0)
    if (job.options.retries === 0) {
      log.error({ err, kind, attempt, durationMs: ms(t) }, 'job failed for good')
      await db.run('insert into dead_jobs (job_id, reason) values ($1, $2)', job.id, err.message)
      await db.run("update job_runs set state = 'failed', updated_at = now() where job_id = $1", job.id)
    } else {
      log.warn({ kind, attempt, error: err.message, durationMs: ms(t) }, 'job failed')
    }
    throw err
  }
})
jobs.on('retrying', (job, err) => root.info(`job ${job.id} will be retried (${err.name}), ${job.options.retries} retries left`))
jobs.on('stalled', (id) => root.warn({ job: Number(id) }, 'job stalled, put back into the queue'))
jobs.on('error', (err) => root.error({ err }, 'queue error'))
jobs.checkStalledJobs(5000)
setInterval(async () => { const h = await jobs.checkHealth(); root.info({ waiting: h.waiting, active: h.active, delayed: h.delayed }, 'queue health') }, 15000)
jobs.ready().then(() => root.info('worker ready'))
process.on('SIGTERM', () => jobs.close(3000).then(() => { root.info('worker stopped'); process.exit(0) }))
