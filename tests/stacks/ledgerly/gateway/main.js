'use strict'
const Koa = require('koa')
const { Router } = require('@koa/router')
const bodyParser = require('koa-bodyparser')
const { Logger } = require('tslog')
const { setTimeout: sleep } = require('node:timers/promises')

const log = new Logger({ name: 'gateway', type: 'json', stack: { capture: 'off' } })
const PROVIDERS = [
  { name: 'northwind', url: 'http://127.0.0.1:8631/v1/chat/completions', model: 'nova-large-2', attempts: 3 },
  { name: 'acme', url: 'http://127.0.0.1:8632/v1/messages', model: 'swift-mini-1', attempts: 2 },
]
let calls = 40000

async function attempt (p, input, call, n) {
  const t = Date.now()
  let r
  try {
    r = await fetch(p.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: p.model, messages: [{ role: 'user', content: input }] }), signal: AbortSignal.timeout(1200) })
    const body = await r.json()
    const ms = Date.now() - t
    const upstreamId = r.headers.get('x-request-id')
    if (r.status === 200) {
      log.info('upstream ok', { call, provider: p.name, model: p.model, attempt: n, ms, upstreamId, completionId: body.id })
      return { ok: true, body: { output: body.text, completionId: body.id, model: p.model, tokens: body.tokens } }
    }
    log.warn('upstream refused', { call, provider: p.name, model: p.model, attempt: n, status: r.status, ms, upstreamId })
    return { ok: false, status: r.status, final: r.status === 400 }
  } catch (e) {
    if (e.name !== 'TimeoutError') throw e
    log.warn('upstream timed out', { call, provider: p.name, model: p.model, attempt: n, ms: Date.now() - t })
    return { ok: false, status: 504 }
  }
}

async function complete (ctx) {
  const t = Date.now()
  const call = ++calls
  const { prompt, promptVersion, input } = ctx.request.body
  const from = {}
  if (ctx.get('x-correlation-id')) from.correlationId = ctx.get('x-correlation-id')
  if (ctx.get('x-job-id')) from.jobId = ctx.get('x-job-id')
  if (ctx.get('traceparent')) from.traceId = ctx.get('traceparent').split('-')[1]
  log.info('call accepted', { call, ...from, prompt, promptVersion })
  ctx.set('X-Call-Number', String(call))
  let last
  for (const p of PROVIDERS) {
    for (let n = 1; n <= p.attempts; n++) {
      last = await attempt(p, input, call, n)
      if (last.ok || last.final) break
      if (n < p.attempts) {
        const wait = 120 * n + Math.floor(Math.random() * 80)
        log.info(`call ${call}: backing off ${wait} ms before attempt ${n + 1} at ${p.name}`)
        await sleep(wait)
      }
    }
    if (last.ok || last.final) break
    if (p === PROVIDERS[0]) log.warn('falling back', { call, from: p.model, to: PROVIDERS[1].model })
  }
  if (last.ok) ctx.body = last.body
  else {
    ctx.status = last.final ? 422 : last.status === 504 ? 504 : 502
    ctx.body = { error: last.final ? 'content_filtered' : last.status === 504 ? 'upstream_timeout' : 'upstream_unavailable' }
  }
  log.info('call finished', { call, status: ctx.status, ms: Date.now() - t })
}

const router = new Router()
router.post('/v1/complete', complete)
router.get('/ping', ctx => { ctx.body = 'pong' })
const app = new Koa()
app.use(bodyParser())
app.use(router.routes())
app.listen(8620, '127.0.0.1', () => log.info('gateway listens on 8620'))
