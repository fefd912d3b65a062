'use strict'
// The table queue_jobs as a queue. A worker holds its jobs by a lease that it renews; a lease that ran out may be taken over by anybody.
const { pool } = require('./db')
const NAME = `${process.env.WORKER_NAME || 'worker'}/${process.pid}`
exports.MAX_ATTEMPTS = 4
exports.RETRY_SECONDS = 2

exports.claim = async () => {
  const { rows } = await pool.query(`
    with next as (select id, state, locked_by from queue_jobs where (state = 'queued' and run_at <= now()) or (state = 'running' and locked_until < now())
      order by run_at for update skip locked limit 1)
    update queue_jobs q set state = 'running', attempts = q.attempts + 1, locked_by = $1, locked_until = now() + interval '9 seconds' from next where q.id = next.id
    returning q.id, q.kind, q.payload, q.attempts, extract(epoch from now() - q.created_at) * 1000 as age, case when next.state = 'running' then next.locked_by end as lost_by`, [NAME])
  return rows[0] && { ...rows[0], id: Number(rows[0].id), age: Math.round(rows[0].age) }
}
exports.renew = () => pool.query("update queue_jobs set locked_until = now() + interval '9 seconds' where state = 'running' and locked_by = $1", [NAME])
const leave = (job, state, seconds = 0) => pool.query('update queue_jobs set state = $3, run_at = now() + $4 * interval \'1 second\', locked_by = null where id = $1 and locked_by = $2', [job.id, NAME, state, seconds])
exports.done = (job) => leave(job, 'done')
exports.later = (job, seconds) => leave(job, 'queued', seconds)
exports.dead = (job) => leave(job, 'dead')
exports.put = async (kind, payload) => Number((await pool.query('insert into queue_jobs (kind, payload) values ($1, $2) returning id', [kind, payload])).rows[0].id)
