import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import { createApp, defineEventHandler, toNodeListener } from 'h3'
import { logger, withContext } from './log.js'
import { start } from './queue.js'
import { router } from './routes.js'

const log = logger('http')
await start()

const app = createApp({
  onError(err, event) {
    if (err.statusCode >= 500 && err.unhandled) log.error('unhandled error: {error}', { error: err.cause?.message ?? err.message, stack: err.cause?.stack ?? err.stack })
  },
})
app.use(defineEventHandler((event) => { Object.assign(event.context, { requestId: event.node.req.requestId, traceparent: event.node.req.traceparent }) }))
app.use(router)
const listener = toNodeListener(app)

const server = createServer((req, res) => {
  const requestId = 'req_' + randomUUID().replaceAll('-', '')
  const traceparent = req.headers.traceparent
  const started = performance.now()
  res.setHeader('x-request-id', requestId)
  withContext({ requestId }, () => {
    log.info('--> {method} {path}', { method: req.method, path: req.url, ...(traceparent ? { traceId: traceparent.split('-')[1] } : {}) })
    res.on('close', () => {
      log.info('<-- {method} {path} {status} {durationMs} ms', {
        requestId, method: req.method, path: req.url, status: res.writableFinished ? res.statusCode : 499, durationMs: Math.round(performance.now() - started),
      })
    })
    req.requestId = requestId
    req.traceparent = traceparent
    return listener(req, res)
  })
})

server.listen(process.env.PORT, '127.0.0.1', () => log.info('listening on {port}', { port: Number(process.env.PORT) }))
process.on('SIGTERM', () => { log.info('shutting down'); server.close(() => process.exit(0)); setTimeout(() => process.exit(0), 1500) })
