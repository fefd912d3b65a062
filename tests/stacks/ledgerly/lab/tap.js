'use strict'
const fs = require('fs'), http = require('http')
const { als, emit, now } = require('./side.js')
let n = 0
const newOp = () => `gw-${process.pid}-${++n}`
const write = process.stdout.write.bind(process.stdout)
process.stdout.write = (chunk, ...r) => {
  emit('line', { file: 'gateway.log', off: fs.fstatSync(1).size, key: als.getStore()?.key ?? null })
  return write(chunk, ...r)
}
for (const m of ['log', 'info', 'warn', 'error']) console[m] = (...a) => { process.stdout.write(require('util').format(...a) + '\n') }
const emitReq = http.Server.prototype.emit
http.Server.prototype.emit = function (type, req, res) {
  if (type !== 'request' || !req.headers['x-lab-key']) return emitReq.apply(this, arguments)
  const s = { key: req.headers['x-lab-key'], fault: req.headers['x-lab-fault'], parent: req.headers['x-lab-parent'], op: newOp() }
  emit('gw_start', { op: s.op, key: s.key, parent: s.parent, name: req.method + ' ' + req.url })
  res.once('close', () => emit('gw_end', { op: s.op, status: res.writableFinished ? res.statusCode : null, call: res.getHeader('x-call-number') ?? null }))
  return als.run(s, () => emitReq.apply(this, arguments))
}
const realFetch = globalThis.fetch
globalThis.fetch = async (url, init = {}) => {
  const s = als.getStore()
  if (!s) return realFetch(url, init)
  const op = newOp(), body = JSON.parse(init.body)
  emit('model_start', { op, key: s.key, parent: s.op, model: body.model })
  const end = o => emit('model_end', { op, ...o })
  try {
    const r = await realFetch(url, { ...init, headers: { ...init.headers, 'x-lab-key': s.key, 'x-lab-fault': s.fault || '' } })
    const json = r.json.bind(r)
    r.json = async () => {
      try { const b = await json(); end({ status: r.status, id: b.id, rid: r.headers.get('x-request-id') }); return b } catch (e) { end({ status: null, error: e.name }); throw e }
    }
    return r
  } catch (e) { end({ status: null, error: e.name }); throw e }
}
const tp = require('timers/promises'), realSleep = tp.setTimeout
tp.setTimeout = async (ms, ...a) => {
  const s = als.getStore(), start = now()
  await realSleep(ms, ...a)
  if (s) emit('sleep', { key: s.key, parent: s.op, start: Number(start) })
}
