'use strict'
// The side channel of the API and the workers (node -r): whose work is being done, and which line is whose. The product never sees it.
const { als, emit, now } = require('./side.js')
const fs = require('fs'), http = require('http'), path = require('path'), Module = require('module')
const FILE = process.env.LAB_LOG, NAME = FILE.replace('.log', '')
let n = 0
const op = () => `${NAME}-${process.pid}-${++n}`
const rids = new Map()

// stack traces as they are without this file
Error.prepareStackTrace = (e, frames) => {
  let head
  try { head = Error.prototype.toString.call(e) } catch { head = String(e) }
  return [head, ...frames.filter((f) => !(f.getFileName() || '').includes('/lab/')).map((f) => '    at ' + f)].join('\n')
}

// ---- requests
const onEvent = http.Server.prototype.emit
http.Server.prototype.emit = function (ev, req, res) {
  if (ev !== 'request' || !req.headers['x-lab-key']) return onEvent.apply(this, arguments)
  const store = { key: req.headers['x-lab-key'], fault: req.headers['x-lab-fault'] || '', op: op(), last: 0n, open: 0 }
  const rid = req.headers['x-request-id'] || null
  if (rid) rids.set(rid, store.key)
  emit('app_start', { op: store.op, key: store.key, name: `${req.method} ${req.url.split('?')[0]}`, trace: req.headers.traceparent || null, rid })
  for (const x of [req, res]) {
    const own = x.emit
    x.emit = function (...a) { return als.run(store, () => own.apply(this, a)) }
  }
  res.once('close', () => {
    const t = now(), whole = res.writableFinished
    const end = () => store.open ? setTimeout(end, 20) : emit('app_end', { op: store.op, status: res.headersSent ? res.statusCode : null, whole, rid }, store.last > t ? store.last : t)
    setTimeout(end, 80)
  })
  return als.run(store, () => onEvent.apply(this, arguments))
}

// ---- lines
let off = fs.fstatSync(1).size
function line (text) {
  const s = als.getStore(), m = /"reqId":"([0-9a-f]{32})"/.exec(text)
  const key = (s && s.key) || (m && rids.get(m[1])) || null
  emit('line', { file: FILE, off, lines: text.split('\n').length - 1, key, job: s && s.jobref, ctx: !!s })
  if (s && s.key && m && rids.get(m[1]) !== s.key) emit('conflict', { text })
  if (s && s.key) s.last = now()
  off += Buffer.byteLength(text)
}
const writeSync = fs.writeSync
fs.writeSync = function (fd, data, ...a) {
  if (fd === 1 && !inside) line(String(data))
  return writeSync.call(this, fd, data, ...a)
}
let inside = false
const write = process.stdout.write
process.stdout.write = function (chunk, ...a) {
  line(String(chunk))
  inside = true
  try { return write.call(this, chunk, ...a) } finally { inside = false }
}

// ---- models
const real = globalThis.fetch
globalThis.fetch = async function (url, init = {}) {
  const s = als.getStore(), u = String(url.url || url)
  if (!s || !s.key || !/:942[123]/.test(u)) return real(url, init)
  const headers = new Headers(init.headers)
  headers.set('x-lab-key', s.key); headers.set('x-lab-parent', s.op); headers.set('x-lab-fault', s.fault)
  init = { ...init, headers }
  if (u.includes(':9423')) return real(url, init)
  const o = op()
  let over = false, st = {}
  s.open++; s.ran = true
  const end = (x) => { if (!over) { over = true; s.open--; s.last = now(); emit('model_end', { op: o, ...st, ...x }) } }
  const why = () => init.signal && init.signal.aborted ? (s.left ? 'cancelled' : 'timeout') : 'broken'
  emit('model_start', { op: o, key: s.key, parent: s.op, model: JSON.parse(init.body).model })
  const t0 = now()
  const named = () => { const w = why(); return w === 'timeout' && now() - t0 < 3900000000n ? 'cancelled' : w }
  let r
  try { r = await real(url, init) } catch (e) { end({ error: named() }); throw e }
  st = { status: r.status, rid: r.headers.get('x-request-id') || r.headers.get('request-id'), id: r.headers.get('x-lab-cid') }
  if (!/event-stream/.test(r.headers.get('content-type') || '')) {
    let b
    try { b = await r.arrayBuffer() } catch (e) { end({ error: named() }); throw e }
    end()
    return new Response(b, { status: r.status, headers: r.headers })
  }
  const reader = r.body.getReader()
  const body = new ReadableStream({
    async pull (c) {
      try {
        const { done, value } = await reader.read()
        if (done) { end(); c.close() } else c.enqueue(value)
      } catch (e) { end({ error: init.signal && init.signal.aborted ? 'cancelled' : 'broken' }); c.error(e) }
    },
    cancel (why) { end({ error: 'cancelled' }); return reader.cancel(why) }
  })
  return new Response(body, { status: r.status, headers: r.headers })
}

// ---- database, queue, tools
const WRITE = /^\s*(?:insert into|update|delete from) (\w+)/i
const once = new Set(), load = Module._load
Module._load = function (name, parent, ...a) {
  const m = load.call(this, name, parent, ...a)
  if (once.has(name)) return m
  if (name === 'pg') {
    once.add(name)
    const query = m.Pool.prototype.query
    m.Pool.prototype.query = function (text, ...rest) {
      const s = als.getStore(), w = WRITE.exec(text)
      if (!s || !s.key || !w) return query.call(this, text, ...rest)
      const o = op()
      s.open++; s.ran = true
      emit('db_start', { op: o, key: s.key, parent: s.op, table: w[1] })
      const done = (ok) => { s.open--; s.last = now(); emit('db_end', { op: o, ok }) }
      const p = query.call(this, text, ...rest)
      return p.then((r) => { done(true); return r }, (e) => { done(false); throw e })
    }
  }
  if (name === 'bee-queue') { once.add(name); queue(m) }
  if (name === './tools') {
    once.add(name)
    const run = m.run
    m.run = async (tool, args, id) => {
      const s = als.getStore(), o = op()
      let ok = false
      emit('tool_start', { op: o, key: s.key, parent: s.op, name: tool, id })
      try { const r = await run(tool, args, id); ok = true; return r } finally { emit('tool_end', { op: o, ok }) }
    }
  }
  return m
}

function queue (Queue) {
  const Job = require(path.join(process.cwd(), 'node_modules/bee-queue/lib/job.js'))
  const save = Job.prototype.save, runJob = Queue.prototype._runJob, fire = Queue.prototype.emit
  Job.prototype.save = async function (...a) {
    const s = als.getStore(), t = now()
    if (!s || !s.key) return save.apply(this, a)
    this.options.lab = { key: s.key, fault: s.fault, parent: s.op }
    const r = await save.apply(this, a)
    emit('publish', { task: r.id, name: r.data.kind, key: s.key, parent: s.op }, t)
    const d = /D=(\d+)/.exec(s.fault)
    if (d && r.data.kind === 'extract') {
      als.exit(() => setTimeout(() => this.queue._commandable().then((c) => {
        emit('doubled', { task: r.id })
        c.lpush(this.queue.toKey('waiting'), r.id)
      }), +d[1]))
    }
    return r
  }
  const stores = new WeakMap()
  Queue.prototype._runJob = function (job) {
    const c = job.options.lab, s = { key: c.key, fault: c.fault, op: op(), last: 0n, open: 0, ran: false, job: job.id }
    stores.set(job, s)
    emit('task_start', { op: s.op, key: s.key, parent: c.parent, task: job.id, name: job.data.kind, attempt: 4 - job.options.retries, trace: job.data.traceId || null })
    return als.run(s, () => runJob.call(this, job)).then((r) => {
      emit('task_end', { op: s.op, how: r[0], ran: s.ran, exc: r[1] && r[1].name })
      return r
    })
  }
  Queue.prototype.emit = function (ev, x, ...rest) {
    if (x instanceof Job && stores.has(x)) return als.run(stores.get(x), () => fire.call(this, ev, x, ...rest))
    if (ev === 'stalled') return als.run({ jobref: x }, () => fire.call(this, ev, x, ...rest))
    return als.exit(() => fire.call(this, ev, x, ...rest))
  }
}
