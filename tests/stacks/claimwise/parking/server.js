'use strict'
// Staff parking: who has which place on which day. polka, winston.
const polka = require('polka'), { json } = require('body-parser'), winston = require('winston')
const { combine, timestamp, json: asJson, errors } = winston.format
const log = winston.createLogger({ level: 'info', format: combine(errors({ stack: true }), timestamp(), asJson()), defaultMeta: { service: 'parking' }, transports: [new winston.transports.Console()] })
const lots = new Map()
const safe = (fn) => (req, res, next) => { try { fn(req, res) } catch (e) { next(e) } }
const send = (res, status, o) => { res.writeHead(status, { 'Content-Type': 'application/json' }); res.end(JSON.stringify(o)) }

polka({
  onError (e, req, res) {
    req.log && req.log.error({ message: e.message, stack: e.stack })
    send(res, e.status || 500, { error: 'oops' })
  }
}).use((req, res, next) => {
  if (req.path === '/up') return next()
  const t = process.hrtime.bigint()
  req.log = log.child({ reqId: req.headers['x-request-id'] })
  res.on('finish', () => req.log.info('request completed', { method: req.method, path: req.path, statusCode: res.statusCode, responseTime: Math.round(Number(process.hrtime.bigint() - t) / 1e4) / 100 }))
  next()
}, json())
  .get('/up', (req, res) => res.end('ok'))
  .get('/lots/:lot/bookings', (req, res) => lots.has(req.params.lot) ? send(res, 200, lots.get(req.params.lot)) : send(res, 404, { error: 'no bookings' }))
  .post('/lots/:lot/bookings', safe((req, res) => {
    if (req.body.plate !== undefined && typeof req.body.plate !== 'string') return send(res, 400, { error: 'plate' })
    const list = lots.get(req.params.lot) || []
    list.push(req.body.plate.trim()); lots.set(req.params.lot, list)
    req.log.info('place booked', { lot: req.params.lot, taken: list.length })
    send(res, 201, { n: list.length })
  }))
  .listen(9515, '127.0.0.1', () => log.info('parking listens'))
process.on('SIGTERM', () => process.exit(0))
