'use strict'
// What the reviewing agent may use.
const db = require('./db')
const pause = (n) => new Promise((resolve) => setTimeout(resolve, n))

exports.defs = [
  { name: 'find_clause', description: 'Clauses of a kind', parameters: { type: 'object', properties: { kind: { type: 'string' } } } },
  { name: 'compare_template', description: 'How the contract departs from our template', parameters: { type: 'object', properties: { template: { type: 'string' } } } }
]
exports.run = async (name, args, callId) => {
  const r = await db.one('select count(*)::int as n from clauses where kind = $1', args.kind || args.template)
  await pause(30 + Math.random() * 220)
  return { tool: name, found: r.n }
}
