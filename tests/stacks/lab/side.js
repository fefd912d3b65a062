'use strict'
// The side channel of Node processes: as side.py writes it. Never read by the product.
const fs = require('fs'), path = require('path')
const { AsyncLocalStorage } = require('async_hooks')
const als = new AsyncLocalStorage()                    // whose work is being done
const fd = fs.openSync(path.join(process.env.LAB_DIR, `side-${process.pid}.jsonl`), 'a')
let off = BigInt(Date.now()) * 1000000n - process.hrtime.bigint()
function now () {                                      // the monotonic clock, kept within the millisecond that the wall clock shows: the one may drift from the other
  const ms = BigInt(Date.now()) * 1000000n
  let t = off + process.hrtime.bigint()
  if (t < ms) { off += ms - t; t = ms } else if (t > ms + 1100000n) { off -= t - ms - 1000000n; t = ms + 1000000n }
  return t
}
const write = fs.writeSync                             // before anything wraps it
const emit = (ev, o, t = now()) => write(fd, `{"t":${t},` + JSON.stringify({ ev, pid: process.pid, ...o }).slice(1) + '\n')
module.exports = { als, emit, now }
