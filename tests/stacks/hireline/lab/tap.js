'use strict'
// node -r ../lab/tap.js dist/main.js
const fs = require('fs'), path = require('path'), Module = require('module'), http = require('http')
const { als, emit } = require('./side.js')
let n = 0
const newOp = () => `api-${process.pid}-${++n}`
let pos = fs.fstatSync(1).size                       // both streams go to one file, written at once
for (const s of [process.stdout, process.stderr]) {
  const write = s.write
  s.write = function (d, ...a) {
    d = String(d)
    emit('line', { file: 'api.log', off: pos, key: als.getStore()?.key ?? null, lines: d.split('\n').length - 1 })
    pos += Buffer.byteLength(d)
    return write.call(s, d, ...a)
  }
}
const load = Module._load
let seen = new Set()
Module._load = function (request, parent) {
  const m = load.apply(this, arguments)
  if (request === './db' && m.Db && !seen.has('db')) {
    seen.add('db')
    const write = m.Db.prototype.write
    m.Db.prototype.write = async function (table, ...a) {
      const s = als.getStore()
      if (!s) return write.call(this, table, ...a)
      const op = newOp()
      emit('db_start', { op, key: s.key, parent: s.op, table })
      let ok = false
      try { const r = await write.call(this, table, ...a); ok = true; return r } finally { emit('db_end', { op, ok }) }
    }
  }
  if (request === 'celery-node' && !seen.has('celery')) {
    seen.add('celery')
    const B = load.call(this, path.join(process.cwd(), 'node_modules/celery-node/dist/kombu/brokers/amqp.js'), parent).default, pub = B.prototype.publish
    B.prototype.publish = function (body, exchange, key, headers, properties) {
      const s = als.getStore()
      if (s) {
        emit('publish', { task: headers.id, name: headers.task, key: s.key, parent: s.op })
        headers = { ...headers, labctx: JSON.stringify({ key: s.key, parent: s.op, fault: s.fault }) }
      }
      return pub.call(this, body, exchange, key, headers, properties)
    }
  }
  return m
}
const realFetch = globalThis.fetch
globalThis.fetch = (url, init = {}) => {
  const s = als.getStore()
  if (!s) return realFetch(url, init)
  const h = new Headers(init.headers)
  h.set('x-lab-key', s.key); h.set('x-lab-parent', s.op); h.set('x-lab-fault', s.fault)
  return realFetch(url, { ...init, headers: h })
}
const emitEv = http.Server.prototype.emit
http.Server.prototype.emit = function (ev, req, res) {
  if (ev !== 'request') return emitEv.apply(this, arguments)
  const h = req.headers, op = newOp(), s = { key: h['x-lab-key'] ?? op + '-probe', op, fault: h['x-lab-fault'] || '' }
  for (const k of ['x-lab-key', 'x-lab-parent', 'x-lab-fault']) delete h[k]
  emit('app_start', { op, key: s.key, name: `${req.method} ${req.url}`, rid: h['x-request-id'] ?? null, trace: h.traceparent ?? null })
  let closed = false, done = false
  const end = () => { if (!done) { done = true; emit('app_end', { op, status: res.statusCode, whole: res.writableFinished }) } }
  res.once('close', () => { closed = true; emit('app_close', { op, status: res.statusCode, whole: res.writableFinished }); if (res.writableEnded) end() })
  const re0 = res.end
  res.end = function () { const r = re0.apply(res, arguments); if (closed) end(); return r }
  const re = res.emit                                 // what listens to the answer belongs to the request, whatever the product's own context says
  res.emit = function () { return als.run(s, () => re.apply(res, arguments)) }
  return als.run(s, () => emitEv.call(this, ev, req, res))
}
