'use strict'
// Parking's side channel (node -r): whose request is at work, what it does, which line is whose. The product never sees it.
const { als, emit, now } = require('./side.js')
const fs = require('fs'), http = require('http')
let n = 0
const op = () => `parking-${process.pid}-${++n}`
const rids = new Map()

const onEvent = http.Server.prototype.emit
http.Server.prototype.emit = function (ev, req, res) {
  if (ev !== 'request' || !req.headers['x-lab-key']) return onEvent.apply(this, arguments)
  const store = { key: req.headers['x-lab-key'], fault: req.headers['x-lab-fault'] || '', op: op() }
  const name = `${req.method} ${req.url.split('?')[0]}`
  emit('app_start', { op: store.op, key: store.key, name, trace: null })
  const rid = req.headers['x-request-id'] || null
  if (rid) rids.set(rid, store.key)
  res.once('close', () => emit('app_end', { op: store.op, status: res.statusCode, whole: res.writableFinished, rid }))
  return als.run(store, () => onEvent.apply(this, arguments))
}

let off = fs.fstatSync(1).size
for (const st of [process.stdout]) {
  const w = st.write
  st.write = function (chunk, ...a) {
    const s = als.getStore(), text = String(chunk)
    const m = /"reqId":"(\w+)"/.exec(text)
    emit('line', { file: 'parking.log', off, lines: text.split('\n').length - 1, key: (s && s.key) || (m && rids.get(m[1])) || null, ctx: !!s })
    if (s && m && rids.get(m[1]) !== s.key) emit('conflict', { text })
    off += Buffer.byteLength(text)
    return w.call(this, chunk, ...a)
  }
}

