'use strict'
const log = require('./log')
const queue = require('./queue')
const jobs = require('./jobs')
const CONCURRENCY = 6
const sleep = (n) => new Promise((resolve) => setTimeout(resolve, n))
const count = { done: 0, retry: 0, skipped: 0, dead: 0 }
let running = 0, stopping = false

async function main () {
  log.info('worker ready', { concurrency: CONCURRENCY })
  setInterval(() => queue.renew().catch((err) => log.error('cannot renew leases', { reason: err.message })), 3000)
  setInterval(() => log.info('worker stats', { running, ...count }), 20000)
  while (!stopping) {
    const job = running < CONCURRENCY ? await queue.claim() : null
    if (!job) { await sleep(120); continue }
    running++
    jobs.run(job).then((r) => count[r.outcome]++, (err) => log.error('job runner broke', { reason: err.stack })).finally(() => running--)
  }
  while (running) await sleep(50)
  log.info('worker stopped')
  process.exit(0)
}
process.on('SIGTERM', () => { stopping = true })
main()
