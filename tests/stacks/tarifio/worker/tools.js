'use strict'
// What the screening agent may look up.
const db = require('./db')
const sleep = (n) => new Promise((resolve) => setTimeout(resolve, n))
exports.defs = [
  { name: 'sanctions_lookup', description: 'Is a party on a list?', parameters: { type: 'object', properties: { party: { type: 'string' } } } },
  { name: 'tariff_lookup', description: 'Duty of a tariff number', parameters: { type: 'object', properties: { hs: { type: 'string' } } } }
]
exports.run = async (name, args, callId) => {
  const r = await db.one('select count(*)::int as n from hs_lines where hs_code = $1', args.hs || '')
  await sleep(40 + Math.random() * 240)
  return { hits: r.n }
}
