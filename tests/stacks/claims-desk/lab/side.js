// Side channel for the Node processes: what happened when, and whose line it was.
import fs from 'node:fs'
import path from 'node:path'
import { AsyncLocalStorage } from 'node:async_hooks'

const name = process.env.SIDE_NAME
const fd = fs.openSync(`${process.env.SIDE_DIR}/${name}-${process.pid}.jsonl`, 'a')
export const als = new AsyncLocalStorage() // {o, p, plan}
const base = (() => { let best; for (let i = 0; i < 400; i++) { const a = process.hrtime.bigint(); const w = Date.now(); const b = process.hrtime.bigint(); const d = BigInt(w) * 1000000n - (a + b) / 2n; if (best === undefined || d > best) best = d } return best })()
// the largest offset of many is nearest to the truth when Date.now() rounds down; refined by spinning until the millisecond turns
let offset = base
for (let i = 0; i < 5; i++) { const m = Date.now(); let w; while ((w = Date.now()) === m) ; const d = BigInt(w) * 1000000n - process.hrtime.bigint(); if (i === 0 || d > offset) offset = d }
export const now = () => process.hrtime.bigint() + offset
let n = 0
export function emit (t, o) { fs.writeSync(fd, JSON.stringify({ t, pid: process.pid, ...o }) + '\n') }
export const owner = () => als.getStore()?.o ?? null
export const parent = () => als.getStore()?.p ?? null
export const plan = () => als.getStore()?.plan ?? {}
export const decode = h => h ? JSON.parse(Buffer.from(h, 'base64').toString()) : {}
export function header () {
  const s = als.getStore()
  return s?.o ? { 'x-side': Buffer.from(JSON.stringify({ ...s.plan, o: s.o, p: s.p })).toString('base64') } : {}
}
/** Measures fn; fn gets the operation and may set outcome, ids, attrs. */
export async function op (kind, opname, attrs, fn, idList = []) {
  const o = { id: `${name}-${process.pid}-${++n}`, outcome: 'ok', ids: [...idList], attrs: {} }
  const s = als.getStore() ?? {}
  emit('begin', { id: o.id, parent: s.p ?? null, kind, name: opname, o: s.o ?? null, at: String(now()), attrs })
  try {
    return await als.run({ ...s, p: o.id }, () => fn(o))
  } catch (e) {
    if (o.outcome === 'ok') o.outcome = 'error'
    throw e
  } finally {
    emit('end', { id: o.id, at: String(now()), outcome: o.outcome, ids: o.ids, attrs: o.attrs })
  }
}
export const fact = (t, o) => emit(t, { o: owner(), ...o })
export function lineFile (file) {
  const out = fs.openSync(file, 'a')
  return { write (text, who = owner()) { emit('line', { f: path.basename(file), x: text.replace(/\n$/, ''), o: who ?? null }); fs.writeSync(out, text.endsWith('\n') ? text : text + '\n') } }
}
