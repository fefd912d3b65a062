'use strict'
const { Pool } = require('pg')
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 10 })

exports.pool = pool
exports.one = async (sql, ...args) => (await pool.query(sql, args)).rows[0]
exports.query = (sql, args) => pool.query(sql, args)
/** A write, with its duration in the log. */
exports.write = async (log, sql, ...args) => {
  const t = performance.now()
  const [, verb, table] = /^(insert into|update|delete from) (\w+)/.exec(sql)
  const r = await exports.query(sql, args)
  log.info(`db ${verb.split(' ')[0]} ${table}`, { rows: r.rowCount, durationMs: Math.round((performance.now() - t) * 100) / 100 })
  return r
}
