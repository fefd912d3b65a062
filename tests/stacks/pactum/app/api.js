'use strict'
// Pactum's API: contracts in; clauses, answers, summaries and reviews out.
const Fastify = require('fastify')
const db = require('./db')
const queue = require('./queue')
const { Llm, ModelUnavailable, BadAnswer, isAbort, ms, z } = require('./llm')

const app = Fastify({ logger: { level: 'info' }, requestIdHeader: 'x-request-id', trustProxy: true, forceCloseConnections: true })
const jobs = queue.connect({ isWorker: false })
const llm = new Llm(app.log)
const Answer = z.object({ answer: z.string(), clause: z.string() })

app.addHook('onRequest', async (req, reply) => {
  if (req.url === '/healthz') return
  const tp = req.headers.traceparent
  if (tp) {
    req.traceId = tp.split('-')[1]
    req.log.info({ traceId: tp.split('-')[1] }, 'trace context')
  }
  if (req.headers['x-api-key'] !== 'pk_live') {
    req.log.warn('unknown api key')
    return reply.code(401).send({ error: 'unauthorized' })
  }
})
app.addHook('onRequestAbort', async (req) => { req.log.warn('client closed the connection') })

app.setErrorHandler((err, req, reply) => {
  if (isAbort(err)) {
    req.log.warn('client went away, model call cancelled')
    return reply.code(499).send()
  }
  if (err instanceof ModelUnavailable || err instanceof BadAnswer) {
    req.log.error({ error: err.message }, 'request failed')
    return reply.code(err.timeout ? 504 : 502).send({ error: err.name })
  }
  if (!err.statusCode || err.statusCode >= 500) req.log.error({ err }, 'unhandled error')
  reply.code(err.statusCode || 500).send({ error: err.statusCode ? err.message : 'internal' })
})

/** Aborted when the client goes away before the answer is out. */
function gone (reply) {
  const ac = new AbortController()
  reply.raw.once('close', () => { if (!reply.raw.writableFinished) ac.abort() })
  return ac.signal
}
async function contract (id) {
  const c = await db.one('select * from contracts where id = $1', id)
  if (!c) throw Object.assign(new Error('no such contract'), { statusCode: 404 })
  return c
}
async function enqueue (req, kind, data) {
  const job = await queue.add(jobs, { kind, requestId: req.id, traceId: req.traceId, ...data })
  req.log.info({ jobId: job.id, kind }, 'job queued')
  return job.id
}
const params = (props) => ({ body: { type: 'object', required: Object.keys(props), properties: props } })
const str = { type: 'string', minLength: 0 }

app.get('/healthz', { logLevel: 'warn' }, async () => ({ ok: true }))

app.post('/v1/contracts', { schema: params({ title: str, text: str, value: { type: 'integer' } }) }, async (req, reply) => {
  const t = performance.now()
  const { id } = await db.one('insert into contracts (title, body, value) values ($1, $2, $3) returning id', req.body.title, req.body.text, req.body.value)
  req.log.info({ contractId: Number(id), durationMs: ms(t) }, 'contract saved')
  const jobId = await enqueue(req, 'extract', { contractId: Number(id) })
  return reply.code(202).send({ contractId: Number(id), jobId })
})

app.post('/v1/contracts/:id/review', async (req, reply) => {
  const c = await contract(req.params.id)
  return reply.code(202).send({ jobId: await enqueue(req, 'review', { contractId: Number(c.id) }) })
})

app.post('/v1/contracts/:id/ask', { schema: params({ question: str }) }, async (req, reply) => {
  const c = await contract(req.params.id)
  const { model, answer } = await llm.with(req.log).json(req.log, 'ask-v4', Answer, { system: 'Answer about the contract. JSON: answer, clause', messages: [{ role: 'user', content: c.body + '\n' + req.body.question }] }, gone(reply))
  await db.run('insert into answers (contract_id, model, clause) values ($1, $2, $3)', c.id, model, answer.clause)
  req.log.info({ contractId: Number(c.id) }, 'answer saved')
  return answer
})

app.post('/v1/contracts/:id/summary', async (req, reply) => {
  const c = await contract(req.params.id)
  const signal = gone(reply)
  const { model, stream, t } = await llm.with(req.log).call(req.log, 'summary-v9', { system: 'Summarize the contract.', messages: [{ role: 'user', content: c.body }], stream: true }, signal)
  reply.hijack()
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': req.id })
  let id, output, first, chunks = 0
  try {
    for await (const e of stream) {
      id = id || e.id || (e.message && e.message.id)
      output = (e.usage && (e.usage.completion_tokens || e.usage.output_tokens)) || output
      const text = (e.delta && e.delta.text) || (e.choices && e.choices[0] && e.choices[0].delta.content)
      if (!text) continue
      if (!first) { first = ms(t); req.log.info({ model, ttftMs: first }, 'first token') }
      chunks++
      reply.raw.write(`data: ${JSON.stringify({ text })}\n\n`)
    }
    if (signal.aborted) { req.log.info({ model, completionId: id, chunks, durationMs: ms(t) }, 'summary abandoned'); return }
    req.log.info({ model, promptVersion: 'summary-v9', completionId: id, outputTokens: output, chunks, durationMs: ms(t) }, 'model stream finished')
    await db.run('insert into summaries (contract_id, chunks) values ($1, $2)', c.id, chunks)
    reply.raw.end('data: [DONE]\n\n')
  } catch (err) {
    if (isAbort(err)) return
    req.log.error({ model, completionId: id, chunks, durationMs: ms(t), error: err.message }, 'model stream broke off')
    reply.raw.destroy()
  }
})

app.get('/v1/contracts/:id', async (req) => {
  const c = await contract(req.params.id)
  return { id: Number(c.id), state: c.state, initial: c.title.split(' ')[0][0].toUpperCase() }
})

app.patch('/v1/contracts/:id', { schema: params({ state: str }) }, async (req) => {
  const r = await db.run('update contracts set state = $2 where id = $1', req.params.id, req.body.state)
  req.log.info({ contractId: Number(req.params.id), state: req.body.state, rows: r.rowCount }, 'contract updated')
  return { id: Number(req.params.id) }
})

app.get('/v1/jobs/:id', async (req, reply) => {
  const job = await jobs.getJob(req.params.id)
  if (!job) return reply.code(404).send({ error: 'no such job' })
  req.log.info({ jobId: job.id, jobStatus: job.status }, 'job looked up')
  return { jobId: job.id, status: job.status }
})

for (const s of ['SIGTERM', 'SIGINT']) process.on(s, () => app.close().then(() => process.exit(0)))
jobs.ready().then(() => app.listen({ host: '127.0.0.1', port: 9410 }))
