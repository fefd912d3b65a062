'use strict'
// Staff board: notes for the rooms of a hotel. hapi, log4js.
const Hapi = require('@hapi/hapi'), log4js = require('log4js')
log4js.addLayout('json', () => (e) => JSON.stringify({ startTime: e.startTime, categoryName: e.categoryName, level: e.level.levelStr, pid: e.pid, data: e.data[0], ...e.context, ...(e.data[1] || {}) }))
log4js.configure({ appenders: { out: { type: 'stdout', layout: { type: 'json' } } }, categories: { default: { appenders: ['out'], level: 'info' } } })
const log = log4js.getLogger('board'), notes = new Map()
const rid = (r) => ({ reqId: r.headers['x-request-id'] })

async function main () {
  const server = Hapi.server({ port: 9315, host: '127.0.0.1', debug: false })
  server.route([
    { method: 'GET', path: '/ping', handler: () => 'pong' },
    { method: 'GET', path: '/rooms/{room}/notes', handler: (r, h) => notes.has(r.params.room) ? notes.get(r.params.room) : h.response({ error: 'no notes' }).code(404) },
    { method: 'POST', path: '/rooms/{room}/notes', handler: (r, h) => {
      if (typeof r.payload.text !== 'string') return h.response({ error: 'text' }).code(400)
      const list = notes.get(r.params.room) || []
      list.push(r.payload.text.trim()); notes.set(r.params.room, list)
      log.info('note added', { ...rid(r), room: r.params.room, notes: list.length })
      return h.response({ n: list.length }).code(201)
    } }])
  server.events.on('response', (r) => { if (r.path !== '/ping') log.info(`${r.method.toUpperCase()} ${r.path} ${r.response.statusCode}`, { ...rid(r), ms: r.info.responded - r.info.received }) })
  server.events.on({ name: 'request', channels: 'error' }, (r, e) => log.error(e.error.message, rid(r)))
  await server.start()
  log.info('board listens on ' + server.info.uri)
  process.on('SIGTERM', () => server.stop({ timeout: 1000 }).then(() => process.exit(0)))
}
main()
