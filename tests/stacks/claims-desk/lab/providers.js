// Stand-ins: two model providers (OpenAI protocol) and a mail relay. The plan of a request says how they behave.
import http from 'node:http'
import fs from 'node:fs'
import crypto from 'node:crypto'
import { decode } from './side.js'
const count = new Map()
const seen = fs.openSync(process.env.SIDE_DIR + '/providers.count', 'a')
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const hex = k => crypto.randomBytes(k).toString('hex')
const lognorm = (m, s) => m * Math.exp(s * Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random()))
function next (side, which) {
  const list = side[which] ?? []
  const k = side.n + which
  const i = count.get(k) ?? 0
  count.set(k, i + 1)
  const b = i < list.length ? list[i] : (list.at(-1) ?? 'ok')
  if (b.startsWith('*')) return b.slice(1)
  return i < list.length ? b : 'ok'
}
const body = req => new Promise(resolve => { let s = ''; req.on('data', d => { s += d }); req.on('end', () => resolve(s)) })
function answer (m, side, bad) {
  const purpose = m.metadata?.purpose
  if (purpose === 'ask') {
    const done = m.messages.filter(x => x.role === 'tool').length
    const plan = side.tools ?? []
    let at = 0
    for (const step of plan) {
      if (at >= done) return { tool_calls: step.map(t => ({ id: 'call_' + hex(9), type: 'function', function: { name: t, arguments: '{}' } })), content: null }
      at += step.length
    }
    return { content: JSON.stringify(bad ? { text: 'I think so' } : { answer: 'Covered, see section 4.', citations: ['4.2'] }) }
  }
  if (purpose === 'outline' || purpose === 'draft') return { content: bad ? '' : 'Dear customer, we have looked at your claim.' }
  return { content: JSON.stringify(bad ? { severity: 'quite bad' } : { severity: 2, reserve: 1850, coverage: true }) }
}
function provider (which, port, speed) {
  http.createServer(async (req, res) => {
    const m = JSON.parse(await body(req))
    const side = decode(req.headers['x-side'])
    fs.writeSync(seen, which + '\n')
    const what = next(side, which)
    const rid = 'req_' + hex(8)
    const send = (status, obj, h = {}) => { res.writeHead(status, { 'content-type': 'application/json', 'x-request-id': rid, ...h }); res.end(JSON.stringify(obj)) }
    if (what === 'hang') { await sleep(20000); return req.destroy() }
    if (what === '429') { await sleep(8 + 20 * Math.random()); return send(429, { error: { type: 'rate_limit_exceeded' } }, Math.random() < 0.5 ? { 'retry-after': '1' } : {}) }
    if (what === '500' || what === '503') { await sleep(30 + 200 * Math.random()); return send(+what, { error: { type: 'server_error' } }) }
    if (what === '400') { await sleep(25); return send(400, { error: { type: 'invalid_request_error', code: 'context_length_exceeded' } }) }
    if (what === 'cut') { await sleep(120); res.writeHead(200, { 'content-type': 'application/json', 'content-length': '900' }); res.write('{"id":'); await sleep(40); return req.destroy() }
    await sleep(what === 'slow' ? 2450 + 200 * Math.random() : Math.min(2200, lognorm(speed, 0.45)))
    const a = answer(m, side, what === 'bad')
    send(200, { id: 'chatcmpl-' + hex(12), object: 'chat.completion', model: m.model, choices: [{ index: 0, message: { role: 'assistant', ...a }, finish_reason: a.tool_calls ? 'tool_calls' : 'stop' }], usage: { prompt_tokens: 300 + (Math.random() * 1500 | 0), completion_tokens: 20 + (Math.random() * 300 | 0) } })
  }).listen(port, '127.0.0.1')
}
provider('a', 21040, 620)
provider('b', 21041, 380)
http.createServer(async (req, res) => {
  await body(req)
  const what = next(decode(req.headers['x-side']), 'm')
  await sleep(lognorm(70, 0.5))
  if (what === '503') { res.writeHead(503); return res.end('busy') }
  if (what === '550') { res.writeHead(422, { 'content-type': 'application/json' }); return res.end('{"error":"mailbox unavailable"}') }
  res.writeHead(202, { 'content-type': 'application/json' }); res.end(JSON.stringify({ id: '<' + hex(10) + '@mail.claims.example>' }))
}).listen(21042, '127.0.0.1')
