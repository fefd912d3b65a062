'use strict'
const fs = require('fs'), path = require('path'), Module = require('module'), http = require('http')
const { als, emit } = require('./side.js')
let n = 0
let pos = fs.fstatSync(1).size
const load = Module._load
Module._load = function (request, parent) {
  const m = load.apply(this, arguments)
  if (request === 'pino' && parent && path.basename(parent.filename || '') === 'index.js' && path.dirname(parent.filename) === process.cwd()) {
    return Object.assign(opts => {
      const l = m(opts), stream = l[m.symbols.streamSym], write = stream.write
      stream.write = function (d) {
        const s = als.getStore()
        emit('line', { file: 'pantry.log', off: pos, key: s?.key ?? null, lines: d.split('\n').length - 1 })
        if (s && !s.num) { try { s.num = JSON.parse(d).req?.id } catch {} if (s.num) emit('pantry_id', { op: s.op, num: s.num }) }
        pos += Buffer.byteLength(d)
        return write.call(stream, d)
      }
      return l
    }, m)
  }
  return m
}
const emitEv = http.Server.prototype.emit
http.Server.prototype.emit = function (ev, req, res) {
  if (ev !== 'request') return emitEv.apply(this, arguments)
  const h = req.headers, s = { key: h['x-lab-key'] ?? null, op: `pantry-${process.pid}-${++n}`, parent: h['x-lab-parent'] || null }, fault = h['x-lab-fault'] || ''
  for (const k of ['x-lab-key', 'x-lab-parent', 'x-lab-fault']) delete h[k]
  if (!s.key) return emitEv.apply(this, arguments)
  emit('pantry_start', { op: s.op, key: s.key, parent: s.parent, name: `${req.method} ${req.url}` })
  let closed = false
  const end = () => emit('pantry_end', { op: s.op, status: res.statusCode })
  res.once('close', () => { closed = true; if (res.writableEnded) end() })      // the caller may leave earlier than the handler
  const re0 = res.end
  res.end = function () { const r = re0.apply(res, arguments); if (closed) end(); return r }
  const re = res.emit
  res.emit = function () { return als.run(s, () => re.apply(res, arguments)) }
  return als.run(s, () => emitEv.call(this, ev, req, res))
}
