// Worker: pg-boss queues assess-claim, draft-letter, notify-customer, dead-letter.
import PgBoss from 'pg-boss'
import pg from 'pg'
import winston from 'winston'
import Transport from 'winston-transport'
import crypto from 'node:crypto'
import * as side from '../lab/side.js'

const OWNER = Symbol('owner')
const out = side.lineFile(process.env.LOG_FILE)
class FileSink extends Transport { log (info, done) { out.write(info[Symbol.for('message')], info[OWNER]); done() } }
const log = winston.createLogger({
  level: 'info',
  defaultMeta: { service: 'claims-worker', instance: process.env.INSTANCE },
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: [new FileSink()]
})
const write = log.write
log.write = function (info, ...rest) { info[OWNER] = side.owner(); return write.call(log, info, ...rest) } // noted at the call, not when the stream drains

const db = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8 })
const boss = new PgBoss({ connectionString: process.env.DATABASE_URL, maintenanceIntervalSeconds: 1, monitorStateIntervalSeconds: 20, max: 6 })
const ms = t => Math.round(performance.now() - t)
class SchemaError extends Error { name = 'SchemaError' }
class GatewayError extends Error { name = 'GatewayError' }

async function chat (job, l, purpose, prompt) {
  const t = performance.now()
  const r = await fetch('http://127.0.0.1:21030/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-caller': 'claims-worker', ...side.header() },
    body: JSON.stringify({ model: 'default', messages: [{ role: 'system', content: prompt }, { role: 'user', content: job.data.claimId }], metadata: { purpose, prompt } }),
    signal: AbortSignal.timeout(14000)
  })
  const json = await r.json()
  if (!r.ok) throw new GatewayError(`gateway answered ${r.status} (${json.error.call_id}): ${json.error.message}`)
  const callId = r.headers.get('x-call-id')
  l.info('model answered', { callId, purpose, model: json.model, promptVersion: prompt, seconds: +((performance.now() - t) / 1000).toFixed(3), tokensIn: json.usage.prompt_tokens, tokensOut: json.usage.completion_tokens })
  return { callId, text: json.choices[0].message.content }
}
/** Asks, checks, asks once more when the answer does not fit. */
async function checked (job, l, purpose, prompt, check) {
  for (let n = 1; ; n++) {
    const a = await chat(job, l, purpose, prompt)
    const issue = check(a.text)
    if (!issue) return a.text
    side.fact('invalid', { call: a.callId })
    if (n === 2) throw new SchemaError(`${purpose}: ${issue}`)
    l.warn('answer failed validation, asking again', { purpose, issue })
    side.fact('retry', { what: 'model', class: 'semantic' })
  }
}
async function insert (table, sql, args, l = log) {
  const t = performance.now()
  await side.op('db_write', table, {}, () => db.query(sql, args))
  l.info('row written', { table, ms: ms(t) })
}
async function send (queue, data, options) {
  const id = crypto.randomUUID()
  side.fact('publish', { job: id, queue, parent: side.parent(), at: String(side.now()) })
  await boss.send(queue, { ...data, _side: { o: side.owner(), p: side.parent(), plan: side.plan() } }, { id, deadLetter: 'dead-letter', retryLimit: 2, retryDelay: 1, retryBackoff: true, expireInSeconds: 15, ...options })
  return id
}
const isReport = s => { try { const v = JSON.parse(s); return Number.isInteger(v.severity) ? null : 'severity: expected integer' } catch { return 'not JSON' } }

const handlers = {
  'assess-claim': async (job, l) => {
    const t = performance.now()
    const { rows } = await db.query('select line, amount from claims where id = $1', [job.data.claimId])
    const two = rows[0].amount > 5000
    const reports = await Promise.all([checked(job, l, 'coverage', 'assess@7', isReport), ...(two ? [checked(job, l, 'damage', 'assess@7', isReport)] : [])])
    const r = JSON.parse(reports[0])
    await insert('assessments', 'insert into assessments (claim_id, severity, reserve) values ($1, $2, $3)', [job.data.claimId, r.severity, r.reserve], l)
    await side.op('db_write', 'claims', {}, () => db.query("update claims set state = 'assessed' where id = $1", [job.data.claimId]))
    const id = await send('notify-customer', { claimId: job.data.claimId, parentJobId: job.id, template: 'assessed' })
    l.info('claim assessed', { claimId: job.data.claimId, severity: r.severity, notifyJobId: id, ms: ms(t) })
  },
  'draft-letter': async (job, l) => {
    await checked(job, l, 'outline', 'letter@12', s => s ? null : 'empty text')
    await checked(job, l, 'draft', 'letter@12', s => s ? null : 'empty text')
    const letterId = 'LTR-' + crypto.randomBytes(4).toString('hex')
    side.fact('neutral', { ids: [letterId] })
    await insert('letters', 'insert into letters (id, claim_id) values ($1, $2)', [letterId, job.data.claimId])
    await send('notify-customer', { claimId: job.data.claimId, parentJobId: job.id, template: 'letter' })
    log.info('letter stored', { letterId, claimId: job.data.claimId, requestId: job.data.requestId })
  },
  'notify-customer': async (job, l) => {
    const t = performance.now()
    const id = await side.op('tool', 'mail', {}, async o => {
      const r = await fetch('http://127.0.0.1:21042/send', { method: 'POST', headers: side.header(), body: job.data.template, signal: AbortSignal.timeout(4000) })
      o.attrs.status = r.status
      if (!r.ok) { o.outcome = 'error'; throw new Error(`mail relay answered ${r.status}`) }
      return (await r.json()).id
    })
    side.fact('neutral', { ids: [id] })
    l.info('mail accepted by relay', { template: job.data.template, messageId: id, ms: ms(t) })
    await side.op('db_write', 'notifications', {}, () => db.query('insert into notifications (claim_id, message_id) values ($1, $2)', [job.data.claimId, id]))
  },
  'dead-letter': async (job, l) => {
    await insert('dead_letters', 'insert into dead_letters (claim_id, reason) values ($1, $2)', [job.data.claimId, job.output?.message ?? 'unknown'], l)
    l.error('dead letter filed', { claimId: job.data.claimId, requestId: job.data.requestId, reason: job.output?.message })
  }
}

function run (queue, handler) {
  return async ([job]) => {
    const { o, p, plan } = job.data._side
    await side.als.run({ o, p, plan }, async () => {
      if (queue === 'dead-letter') side.fact('publish', { job: job.id, queue, parent: p, at: String(BigInt(+new Date(job.createdOn)) * 1000000n) })
      const attempt = job.retryCount + 1
      const t = performance.now()
      const l = log.child({ jobId: job.id })
      await side.op('task', queue, { attempt, id: job.id }, async a => {
        l.info('job received', { queue, attempt, ...(job.data.requestId ? { requestId: job.data.requestId } : { parentJobId: job.data.parentJobId }) })
        try {
          await handler(job, l)
          l.info('job done', { queue, durationMs: ms(t) })
        } catch (e) {
          const final = job.retryCount >= job.retryLimit
          a.outcome = 'error'
          a.attrs.failure = e.name === 'SchemaError' ? 'semantic' : 'transient'
          a.attrs.final = final
          l[final ? 'error' : 'warn'](final ? 'job failed for good' : 'job failed, will be tried again', { queue, attempt, error: e.message, errorType: e.name, durationMs: ms(t) })
          throw e
        }
      }, ['task:' + job.id])
    })
  }
}

boss.on('error', e => log.error('pg-boss error', { error: e.message }))
boss.on('monitor-states', s => log.info('queue states', { created: s.created, active: s.active, retry: s.retry, failed: s.failed }))
await boss.start()
for (const q of ['dead-letter', 'assess-claim', 'draft-letter', 'notify-customer']) await boss.createQueue(q)
const shape = { 'assess-claim': 2, 'draft-letter': 2, 'notify-customer': 1, 'dead-letter': 1 }
for (const [q, n] of Object.entries(shape)) for (let i = 0; i < n; i++) await boss.work(q, { pollingIntervalSeconds: 0.5, includeMetadata: true }, run(q, handlers[q]))
log.info('worker started', { queues: Object.keys(shape), pid: process.pid })
setInterval(() => { const m = process.memoryUsage(); log.info('heartbeat', { rssMb: Math.round(m.rss / 1048576), pool: { total: db.totalCount, idle: db.idleCount } }) }, 20000)
process.on('SIGTERM', async () => { log.info('stopping', { pid: process.pid }); await boss.stop({ graceful: true, timeout: 5000 }); process.exit(0) })
