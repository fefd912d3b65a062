'use strict'
const { Pool } = require('pg')
const log = require('./log')
const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 6 })
exports.pool = pool
exports.write = async (table, sql, args) => {
  const t = process.hrtime.bigint()
  const r = await pool.query(sql, args)
  log.info({ table, rows: r.rowCount, ms: Number(process.hrtime.bigint() - t) / 1e6 }, 'write')
  return r.rows[0]
}
