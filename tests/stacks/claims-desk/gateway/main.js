// Model gateway: one OpenAI-like endpoint in front of two providers.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import pino from 'pino'
import crypto from 'node:crypto'
import * as side from '../lab/side.js'

const log = pino({
  base: { service: 'llm-gateway' },
  messageKey: 'message',
  timestamp: () => `,"time":"${new Date().toISOString()}"`,
  formatters: { level: label => ({ severity: label === 'warn' ? 'WARNING' : label.toUpperCase() }) }
}, side.lineFile(process.env.LOG_FILE))
const PROVIDERS = {
  aurora: { url: 'http://127.0.0.1:21040/v1/chat/completions', model: 'aurora-large-2' },
  borealis: { url: 'http://127.0.0.1:21041/v1/chat/completions', model: 'borealis-mini' }
}
const TIMEOUT = 3000
const TRIES = 2
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const health = { aurora: { calls: 0, failed: 0 }, borealis: { calls: 0, failed: 0 } }

async function attempt (provider, body, attrs) {
  const { url, model } = PROVIDERS[provider]
  return side.op('model_call', model, attrs, async o => {
    const t = performance.now()
    health[provider].calls++
    const done = r => { r.latencyMs = Math.round(performance.now() - t); if (r.status !== 200) health[provider].failed++; return r }
    try {
      const r = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...side.header() }, body: JSON.stringify({ ...body, model }), signal: AbortSignal.timeout(TIMEOUT) })
      const json = await r.json()
      o.attrs.status = r.status
      const providerRequestId = r.headers.get('x-request-id')
      o.ids = [json.id, providerRequestId].filter(Boolean).map(x => 'call:' + x)
      if (r.status === 200) return done({ status: 200, json, providerRequestId })
      o.outcome = r.status === 429 ? 'rate_limited' : r.status < 500 ? 'rejected' : 'server_error'
      return done({ status: r.status, error: json.error?.code ?? json.error?.type, retryAfter: r.headers.get('retry-after'), providerRequestId })
    } catch (e) {
      const timeout = e.name === 'TimeoutError'
      o.outcome = timeout ? 'timeout' : 'broken'
      return done({ status: null, error: timeout ? `no response within ${TIMEOUT} ms` : String(e.cause?.message ?? e.message), timeout })
    }
  })
}

const app = new Hono()
app.get('/health', c => { log.info({ logger: 'http' }, 'GET /health 200'); return c.json({ ok: true }) })
app.post('/v1/chat/completions', async c => {
  const t0 = performance.now()
  const s = side.decode(c.req.header('x-side'))
  const { o, p, ...plan } = s
  return side.als.run({ o, p, plan }, async () => {
    const callId = 'gw_' + crypto.randomBytes(8).toString('base64url')
    return side.op('app', 'POST /v1/chat/completions', { call: callId }, async a => {
      a.ids = ['call:' + callId]
      const traceId = c.req.header('traceparent')?.split('-')[1]
      const l = log.child({ callId, ...(traceId && { traceId }) })
      const body = await c.req.json()
      const caller = c.req.header('x-caller')
      l.info({ caller, model: body.model, purpose: body.metadata?.purpose, messages: body.messages.length }, 'completion requested')
      const answer = (status, json) => {
        a.attrs.status = status
        if (status >= 400) a.outcome = status === 504 ? 'timeout' : status < 500 ? 'rejected' : 'error'
        log.info({ logger: 'http', callId }, `POST /v1/chat/completions ${status} ${Math.round(performance.now() - t0)}ms`)
        return c.json(json, status, { 'x-call-id': callId })
      }
      let attempts = 0
      let last
      for (const provider of ['aurora', 'borealis']) {
        const model = PROVIDERS[provider].model
        if (provider === 'borealis') l.warn({ from: PROVIDERS.aurora.model, to: model, reason: last.error }, 'falling back to other provider')
        for (let n = 1; n <= TRIES; n++) {
          attempts++
          if (n > 1) side.fact('retry', { what: 'model', class: 'transient' })
          last = await attempt(provider, body, { attempt: n, call: callId, prompt: body.metadata?.prompt, fallback_from: provider === 'borealis' ? PROVIDERS.aurora.model : null })
          if (last.status === 200) {
            if (provider === 'borealis') side.fact('fallback', { from: PROVIDERS.aurora.model, to: model, ok: true })
            const u = last.json.usage
            l.info({ provider, model, attempts, latencyMs: Math.round(performance.now() - t0), usage: { promptTokens: u.prompt_tokens, completionTokens: u.completion_tokens }, finishReason: last.json.choices[0].finish_reason, completionId: last.json.id }, 'completion served')
            return answer(200, last.json)
          }
          const hopeless = last.status === 400
          const again = !hopeless && n < TRIES
          const wait = !again ? undefined : last.retryAfter ? 1000 * last.retryAfter : Math.round(250 * (0.7 + Math.random()))
          l.warn({ provider, model, attempt: n, status: last.status ?? undefined, err: last.error, latencyMs: last.latencyMs, providerRequestId: last.providerRequestId ?? undefined, retryInMs: wait }, 'provider attempt failed')
          if (hopeless) { l.error({ attempts }, 'completion rejected by provider'); return answer(400, { error: { message: last.error, call_id: callId } }) }
          if (last.status === 429) log.warn({ provider, logger: 'limits' }, 'token bucket of provider is empty')
          if (again) await side.op('retry_wait', `backoff before attempt ${n + 1}`, {}, () => sleep(wait))
        }
      }
      side.fact('fallback', { from: PROVIDERS.aurora.model, to: PROVIDERS.borealis.model, ok: false })
      l.error({ attempts, err: last.error, latencyMs: Math.round(performance.now() - t0) }, 'completion failed, all providers exhausted')
      return answer(last.timeout ? 504 : 502, { error: { message: 'all providers failed', call_id: callId } })
    })
  })
})
setInterval(() => { for (const [provider, h] of Object.entries(health)) { log.info({ logger: 'stats', provider, calls: h.calls, failed: h.failed, windowSec: 15 }, 'provider window'); h.calls = h.failed = 0 } }, 15000)
serve({ fetch: app.fetch, port: 21030, hostname: '127.0.0.1' }, i => log.info({ port: i.port }, 'llm-gateway listening'))
process.on('SIGTERM', () => { log.info({}, 'shutting down'); setTimeout(() => process.exit(0), 100) })
