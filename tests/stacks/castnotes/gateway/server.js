'use strict'
// The gateway in front of our products: gives each request its id, one access line each when it is over (pino-http).
const http = require('http')
const crypto = require('crypto')
const logger = require('pino')({ name: 'gateway', base: { service: 'gateway' } })
const upstreams = {
  'studio.castnotes.example': { name: 'studio', host: '127.0.0.1', port: 9715 },
  default: { name: 'castnotes-api', host: '127.0.0.1', port: 9710 }
}
const agent = new http.Agent({ keepAlive: true, maxSockets: 128, timeout: 30000 })
const DENIED = /^\/(\.|wp-|admin|owa)/

const httpLogger = require('pino-http')({
  logger,
  genReqId: (req, res) => {
    const id = crypto.randomBytes(12).toString('hex')
    req.headers['x-request-id'] = id
    res.setHeader('X-Request-Id', id)
    return id
  },
  customLogLevel: (req, res, err) => err || res.statusCode >= 500 ? 'error' : res.statusCode >= 400 ? 'warn' : 'info',
  customProps: (req) => ({ upstream: req.upstream, ttfbMs: req.ttfb }),
  serializers: {
    req: (req) => ({ id: req.id, method: req.method, url: req.url, host: req.headers.host, ip: req.headers['x-forwarded-for'], userAgent: req.headers['user-agent'] }),
    res: (res) => ({ statusCode: res.statusCode })
  }
})

const server = http.createServer((req, res) => {
  const started = Date.now()
  httpLogger(req, res)
  const end = (status, body) => { if (!res.headersSent) res.writeHead(status, { 'content-type': 'application/json' }); res.end(body) }
  if (req.url === '/gw/health') return end(200, '{"status":"up"}')
  if (DENIED.test(req.url)) return end(403, '{"error":"forbidden"}')
  const to = upstreams[req.headers.host] || upstreams.default
  req.upstream = to.name
  const up = http.request({ agent, host: to.host, port: to.port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
    req.ttfb = Date.now() - started
    const { 'x-request-id': _, connection, 'keep-alive': __, ...headers } = answer.headers
    res.writeHead(answer.statusCode, headers)
    answer.pipe(res)
    answer.on('error', () => res.destroy())
    answer.on('aborted', () => res.destroy())
  })
  up.on('error', (err) => {
    if (res.destroyed) return
    req.log.error({ err: { type: err.name, message: err.message, code: err.code } }, 'upstream error')
    end(502, '{"error":"bad gateway"}')
  })
  res.on('close', () => { if (!res.writableFinished) up.destroy() })
  req.pipe(up)
})
server.keepAliveTimeout = 5000
server.listen(9700, '127.0.0.1', () => logger.info({ port: 9700 }, 'gateway listening'))
process.on('SIGTERM', () => process.exit(0))
