'use strict'
const { Pool } = require('pg')

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: 12 })

exports.one = async (sql, ...args) => (await pool.query(sql, args)).rows[0]
exports.run = (sql, ...args) => pool.query(sql, args)
