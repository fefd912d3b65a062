'use strict'
// The side channel of Node processes: as side.py writes it. Never read by the product.
const fs = require('fs'), path = require('path')
const { AsyncLocalStorage } = require('async_hooks')
const als = new AsyncLocalStorage()                    // whose work is being done
const fd = fs.openSync(path.join(process.env.LAB_DIR, `side-${process.pid}.jsonl`), 'a')
const off = BigInt(Date.now()) * 1000000n - process.hrtime.bigint()
const now = () => off + process.hrtime.bigint()
const write = fs.writeSync                             // before anything wraps it
const emit = (ev, o, t = now()) => write(fd, `{"t":${t},` + JSON.stringify({ ev, pid: process.pid, ...o }).slice(1) + '\n')
module.exports = { als, emit, now }
