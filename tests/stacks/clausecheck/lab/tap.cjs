'use strict'
// The API's side channel (node -r): whose request is at work, what it does, which line is whose. The product never sees it.
const { als, emit, now } = require('./side.js')
const fs = require('fs'), http = require('http')
let n = 0
const op = () => `api-${process.pid}-${++n}`
const rids = new Map()

const onEvent = http.Server.prototype.emit
http.Server.prototype.emit = function (ev, req, res) {
  if (ev !== 'request' || !req.headers['x-lab-key']) return onEvent.apply(this, arguments)
  const store = { key: req.headers['x-lab-key'], fault: req.headers['x-lab-fault'] || '', op: op() }
  const name = `${req.method} ${req.url.split('?')[0]}`
  emit('app_start', { op: store.op, key: store.key, name, trace: req.headers.traceparent || null })
  res.once('close', () => emit('app_end', { op: store.op, status: res.statusCode, whole: res.writableFinished, rid: res.getHeader('x-request-id') }))
  const set = res.setHeader
  res.setHeader = function (k, v) { if (k.toLowerCase() === 'x-request-id') rids.set(v, store.key); return set.call(this, k, v) }
  return als.run(store, () => onEvent.apply(this, arguments))
}

const realFetch = globalThis.fetch
globalThis.fetch = async (url, init = {}) => {
  const s = als.getStore()
  if (!s) return realFetch(url, init)
  const headers = new Headers(init.headers)
  headers.set('x-lab-key', s.key); headers.set('x-lab-fault', s.fault); headers.set('x-lab-parent', s.op)
  const o = op()
  emit('model_start', { op: o, key: s.key, parent: s.op, model: JSON.parse(init.body).model })
  let over = false
  const end = (x) => { if (!over) { over = true; emit('model_end', { op: o, ...x }) } }
  const word = (e) => (e && e.name === 'TimeoutError' ? 'timeout' : e && e.name === 'AbortError' ? 'cancelled' : 'broken')
  let res
  try { res = await realFetch(url, { ...init, headers }) } catch (e) { end({ error: word(e) }); throw e }
  const info = { status: res.status, rid: res.headers.get('x-request-id') || res.headers.get('request-id'), id: res.headers.get('x-lab-cid') }
  if (!res.body) { end(info); return res }
  const r = res.body.getReader()
  const body = new ReadableStream({
    async pull(c) {
      try { const { done, value } = await r.read(); if (done) { end(info); c.close() } else c.enqueue(value) } catch (e) { end({ ...info, error: word(e) }); c.error(e) }
    },
    cancel(why) { end({ ...info, error: 'cancelled' }); return r.cancel(why) },
  })
  return new Response(body, { status: res.status, statusText: res.statusText, headers: res.headers })
}

let off = fs.fstatSync(1).size
for (const st of [process.stdout, process.stderr]) {
  const w = st.write
  st.write = function (chunk, ...a) {
    const s = als.getStore(), text = String(chunk)
    const m = /"requestId":"(req_\w+)"/.exec(text)
    emit('line', { file: 'api.log', off, lines: text.split('\n').length - 1, key: (s && s.key) || (m && rids.get(m[1])) || null, ctx: !!s })
    if (s && m && rids.get(m[1]) !== s.key) emit('conflict', { text })
    off += Buffer.byteLength(text)
    return w.call(this, chunk, ...a)
  }
}

const pg = require('../api/node_modules/pg')
const query = pg.Pool.prototype.query
pg.Pool.prototype.query = async function (sql, args) {
  const s = als.getStore(), m = typeof sql === 'string' && /^(?:insert into|update) (\w+)/.exec(sql)
  if (!s || !m) return query.call(this, sql, args)
  const o = op()
  let ok = false
  emit('db_start', { op: o, key: s.key, parent: s.op, table: m[1] })
  try { const r = await query.call(this, sql, args); ok = true; return r } finally { emit('db_end', { op: o, ok }) }
}

const nats = require('../api/node_modules/nats')
const { JetStreamClientImpl } = require('../api/node_modules/nats/lib/jetstream/jsclient.js')
const jsPublish = JetStreamClientImpl.prototype.publish
JetStreamClientImpl.prototype.publish = async function (subject, data, opts) {
  const s = als.getStore()
  if (!s) return jsPublish.call(this, subject, data, opts)
  const task = opts.headers.get('message_id'), ctx = (fault) => JSON.stringify({ key: s.key, parent: s.op, fault })
  const t = now()
  opts.headers.set('labctx', ctx(s.fault))
  const d = /D=(\d+)/.exec(s.fault)
  const again = d && nats.headers()
  if (d) { for (const [k, vs] of opts.headers) again.set(k, vs[0]); again.set('labctx', ctx('A=ok')) }
  const ack = await jsPublish.call(this, subject, data, opts)
  emit('publish', { task, name: subject.split('.')[1], key: s.key, parent: s.op, seq: ack.seq, stream: ack.stream }, t)
  if (d) als.exit(() => setTimeout(async () => { const t2 = now(), a = await jsPublish.call(this, subject, data, { headers: again }); emit('doubled', { task, seq: a.seq }, t2) }, +d[1]))
  return ack
}
