import pg from 'pg'
import { logger } from './log.js'

const log = logger('db')
export const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 12 })
pool.on('error', (err) => log.error('idle client error: {error}', { error: err.message }))

export async function one(sql, args = []) {
  return (await pool.query(sql, args)).rows[0]
}

/** A write, with its time on the line. */
export async function write(table, sql, args) {
  const t = performance.now()
  const row = (await pool.query(sql, args)).rows[0]
  log.info('{table} written in {durationMs} ms', { table, durationMs: +(performance.now() - t).toFixed(1), ...(row?.id ? { rowId: row.id } : {}) })
  return row
}
