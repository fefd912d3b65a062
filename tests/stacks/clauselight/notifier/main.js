'use strict'
const { run, Logger, parseCronItems } = require('graphile-worker')
const { setTimeout: sleep } = require('node:timers/promises')
const log = require('./log')
const db = require('./db')

const LEVEL = { error: 'error', warning: 'warn', info: 'info', debug: 'debug' }
const logger = new Logger(scope => (level, message) => log[LEVEL[level]]({ scope: scope.label, worker: scope.workerId }, message))

const taskList = {
  async render_export (p, helpers) {
    const job = Number(helpers.job.id)
    log.info({ job, task: 'render_export', origin: p.origin, export: p.export, attempt: helpers.job.attempts }, 'rendering export')
    await sleep(120 + Math.random() * 250)
    if (p.format === 'docx' && helpers.job.attempts === 1) throw new Error('converter crashed with signal SIGSEGV')
    if (p.format === 'odt') throw new Error('unsupported format odt')
    await db.write('exports', 'update exports set status=$1, job=$2 where id=$3', ['done', job, p.export])
    const next = await helpers.addJob('notify_user', { export: p.export, parentJob: job }, { maxAttempts: 3 })
    log.info({ job, next: Number(next.id), pages: 1 + Math.floor(Math.random() * 30) }, 'export rendered')
  },
  async notify_user (p, helpers) {
    await sleep(20 + Math.random() * 40)
    log.info({ job: Number(helpers.job.id), export: p.export }, 'user notified')
    await db.write('deliveries', 'insert into deliveries(kind, target) values ($1,$2)', ['mail', String(p.export)])
  },
  async deliver_webhook (p, helpers) {
    const job = Number(helpers.job.id)
    log.info({ job, task: 'deliver_webhook', requestedBy: p.requestedBy, attempt: helpers.job.attempts }, 'delivering webhook')
    const t = Date.now()
    const r = await fetch(p.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ contract: p.contract }), signal: AbortSignal.timeout(3000) })
    log[r.ok ? 'info' : 'warn']({ job, status: r.status, ms: Date.now() - t }, 'webhook answered')
    if (!r.ok) throw new Error(`customer endpoint answered ${r.status}`)
    await db.write('deliveries', 'insert into deliveries(kind, target) values ($1,$2)', ['webhook', p.url])
  },
  async sweep_exports () {
    const r = await db.pool.query("select count(*)::int as n from exports where status = 'new'")
    log.info({ pending: r.rows[0].n }, 'sweep')
  },
}

async function main () {
  db.pool.on('error', e => log.error({ err: e.message }, 'pool error'))
  db.pool.on('connect', c => c.on('error', e => log.error({ err: e.message }, 'client error')))
  const runner = await run({
    pgPool: db.pool, logger, taskList, concurrency: 4, pollInterval: 500, noHandleSignals: false,
    parsedCronItems: parseCronItems([{ task: 'sweep_exports', match: '* * * * *' }]),
  })
  runner.events.on('job:failed', ({ job, error }) => {
    log.error({ job: Number(job.id), task: job.task_identifier, attempts: job.attempts, err: String(error.message) }, 'job failed for good')
  })
  setInterval(() => log.info({ rss_mb: Math.round(process.memoryUsage().rss / 1048576) }, 'heartbeat'), 15000)
  log.info('notifier is up')
  await runner.promise
}
main().catch(e => { log.fatal(e); process.exit(1) })
