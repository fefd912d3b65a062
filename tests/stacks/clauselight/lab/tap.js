'use strict'
// node -r ../lab/tap.js main.js
const fs = require('fs'), path = require('path'), Module = require('module')
const { als, emit, now } = require('./side.js')
let n = 0
const newOp = () => `node-${process.pid}-${++n}`
let pos = fs.fstatSync(1).size                     // pino writes asynchronously, in the order of the calls; one process writes this file
const ownerOf = job => { const l = job?.payload?.__lab; return l ? { key: l.key, fault: l.fault, op: null } : undefined }
const load = Module._load
Module._load = function (request, parent) {
  const m = load.apply(this, arguments)
  if (request === 'pino') {
    return Object.assign(opts => {
      const l = m(opts), stream = l[m.symbols.streamSym], write = stream.write
      stream.write = function (d) {
        emit('line', { file: 'notifier.log', off: pos, key: als.getStore()?.key ?? null, lines: d.split('\n').length - 1 })
        pos += Buffer.byteLength(d)
        return write.call(stream, d)
      }
      return l
    }, m)
  }
  const from = parent && path.basename(parent.filename || '')
  if (request === 'graphile-worker' && from === 'main.js') {
    class Logger extends m.Logger {
      constructor (factory) { super(scope => { const f = factory(scope); return (level, msg, meta) => meta?.job ? als.run(ownerOf(meta.job), () => f(level, msg, meta)) : f(level, msg, meta) }) }
    }
    const run = async o => {
      const tasks = {}
      for (const [name, fn] of Object.entries(o.taskList)) {
        tasks[name] = async (payload, helpers) => {
          const l = payload && payload.__lab
          if (!l) return fn(payload, helpers)
          const op = newOp(), { __lab, ...clean } = payload
          emit('job_start', { op, key: l.key, parent: l.parent, job: Number(helpers.job.id), task: name, attempt: helpers.job.attempts, max: helpers.job.max_attempts })
          const h = Object.create(helpers)
          h.addJob = async (task, p, spec) => {
            const t = now()
            const j = await helpers.addJob(task, { ...p, __lab: { key: l.key, parent: op, fault: l.fault } }, spec)
            emit('job_publish', { job: Number(j.id), task, key: l.key, parent: op }, t)
            return j
          }
          return als.run({ key: l.key, fault: l.fault, op }, async () => {
            let ok = false
            try { const r = await fn(clean, h); ok = true; return r } finally { emit('job_end', { op, ok }) }
          })
        }
      }
      const r = await m.run({ ...o, taskList: tasks })
      const emitEv = r.events.emit
      r.events.emit = function (ev, d) { return d && d.job ? als.run(ownerOf(d.job), () => emitEv.apply(this, arguments)) : emitEv.apply(this, arguments) }
      return r
    }
    return { ...m, run, Logger, parseCronItems: m.parseCronItems }
  }
  return m
}
const dbPath = path.join(process.cwd(), 'db.js')
const db = require(dbPath), write = db.write
db.write = async (table, ...a) => {
  const s = als.getStore()
  if (!s) return write(table, ...a)
  const op = newOp()
  emit('db_start', { op, key: s.key, parent: s.op, table })
  let ok = false
  try { const r = await write(table, ...a); ok = true; return r } finally { emit('db_end', { op, ok }) }
}
const realFetch = globalThis.fetch
globalThis.fetch = (url, init = {}) => { const s = als.getStore(); return s ? realFetch(url, { ...init, headers: { ...init.headers, 'x-lab-key': s.key, 'x-lab-fault': s.fault } }) : realFetch(url, init) }
