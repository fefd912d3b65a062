'use strict'
// The side channel of the workers (node -r): whose work is being done, and which line is whose. The product never sees it.
const { als, emit, now } = require('./side.js')
const fs = require('fs'), path = require('path'), Module = require('module')
const FILE = process.env.LAB_LOG, NAME = FILE.replace('.log', '')
let n = 0
const op = () => `${NAME}-${process.pid}-${++n}`
const owner = (rid) => JSON.parse(fs.readFileSync(path.join(process.env.LAB_DIR, 'rid', rid), 'utf8'))
const rids = new Map()

Error.prepareStackTrace = (e, frames) => {
  let head
  try { head = Error.prototype.toString.call(e) } catch { head = String(e) }
  return [head, ...frames.filter((f) => !(f.getFileName() || '').includes('/lab/')).map((f) => '    at ' + f)].join('\n')
}

let off = fs.fstatSync(1).size
const write = process.stdout.write
process.stdout.write = function (chunk, ...a) {
  const text = String(chunk), s = als.getStore(), m = /"requestId":"([0-9a-f-]{36})"/.exec(text)
  emit('line', { file: FILE, off, lines: text.split('\n').length - 1, key: (s && s.key) || (m && rids.get(m[1])) || null, ctx: !!s })
  if (s && s.key && m && rids.get(m[1]) !== s.key) emit('conflict', { text })
  off += Buffer.byteLength(text)
  return write.call(this, chunk, ...a)
}

const real = globalThis.fetch
globalThis.fetch = async function (url, init = {}) {
  const s = als.getStore(), u = String(url.url || url)
  if (!s || !s.key || !/:962[123]/.test(u)) return real(url, init)
  const headers = new Headers(init.headers)
  headers.set('x-lab-key', s.key); headers.set('x-lab-parent', s.op); headers.set('x-lab-fault', s.fault)
  init = { ...init, headers }
  if (u.includes(':9623')) return real(url, init)
  const o = op()
  let st = {}
  s.ran = true
  const why = () => init.signal && init.signal.aborted ? 'timeout' : 'broken'
  emit('model_start', { op: o, key: s.key, parent: s.op, model: JSON.parse(init.body).model })
  try {
    const r = await real(url, init)
    st = { status: r.status, rid: r.headers.get('x-request-id') || r.headers.get('request-id'), id: r.headers.get('x-lab-cid') }
    const b = await r.arrayBuffer()
    return new Response(b, { status: r.status, headers: r.headers })
  } catch (e) { st = { error: why() }; throw e } finally { emit('model_end', { op: o, ...st }) }
}

const WRITE = /^\s*(?:insert into|update|delete from) (\w+)/i
const once = new Set(), load = Module._load
Module._load = function (name, parent, ...a) {
  const m = load.call(this, name, parent, ...a)
  if (once.has(name) || !parent || parent.filename.includes('node_modules')) return m
  if (name === './db') {
    once.add(name)
    const query = m.query
    m.query = async (sql, args) => {
      const s = als.getStore(), w = WRITE.exec(sql)
      if (!s || !s.key || !w) return query(sql, args)
      const o = op()
      let ok = false
      s.ran = true
      emit('db_start', { op: o, key: s.key, parent: s.op, table: w[1] })
      try { const r = await query(sql, args); ok = true; return r } finally { emit('db_end', { op: o, ok }) }
    }
  }
  if (name === './queue') {
    once.add(name)
    const put = m.put
    m.put = async (kind, payload) => {
      const s = als.getStore(), t = now(), id = await put(kind, payload)
      emit('publish', { task: String(id), name: kind, key: s.key, parent: s.op }, t)
      return id
    }
  }
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
  if (name === './jobs') {
    once.add(name)
    const run = m.run, db = require(path.join(process.cwd(), 'db.js'))
    m.run = (job) => {
      const c = owner(job.payload.request_id), s = { key: c.key, fault: c.fault, op: op(), ran: false }
      rids.set(job.payload.request_id, c.key)
      emit('task_start', { op: s.op, key: s.key, task: String(job.id), name: job.kind, attempt: job.attempts, trace: job.payload.trace_id || null })
      const d = /D=(\d+)/.exec(c.fault)
      if (d && job.kind === 'classify' && job.attempts === 1) setTimeout(() => {
        emit('doubled', { task: String(job.id) })
        db.pool.query("update queue_jobs set state = 'queued', run_at = now(), locked_by = null where id = $1", [job.id])
      }, +d[1])
      return als.run(s, async () => {
        const r = await run(job)
        emit('task_end', { op: s.op, how: r.outcome, ran: s.ran, exc: r.error ? r.error.name : null })
        return r
      })
    }
  }
  return m
}
