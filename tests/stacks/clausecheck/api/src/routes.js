import { createError, createRouter, defineEventHandler, getHeader, getRouterParam, readBody, setResponseStatus } from 'h3'
import { NoObjectGeneratedError } from 'ai'
import { z } from 'zod'
import { one, write } from './db.js'
import { enqueue, newJobId } from './queue.js'
import { askWithFallback, draft, ModelTimeout, ModelUnavailable } from './llm.js'
import { logger } from './log.js'

const log = logger('api')
const fail = (statusCode, statusMessage, data) => createError({ statusCode, statusMessage, data })

async function body(event, schema) {
  const raw = await readBody(event).catch(() => { throw fail(400, 'invalid JSON') })
  const r = schema.safeParse(raw)
  if (!r.success) {
    log.info('request body rejected: {issues}', { issues: r.error.issues.map((i) => i.path.join('.') + ' ' + i.code).join(', ') })
    throw fail(422, 'validation failed', r.error.issues)
  }
  return r.data
}
async function contract(id) {
  if (!/^\d+$/.test(String(id))) throw fail(400, 'bad contract id')
  const c = await one('select id, title, counterparty, status, notify from contracts where id = $1', [id])
  if (!c) throw fail(404, 'no such contract')
  return c
}
function gone(event) {
  const c = new AbortController()
  event.node.res.on('close', () => { if (!event.node.res.writableFinished) c.abort() })
  return c.signal
}
async function job(event, kind, subject, jobId, payload) {
  const { requestId, traceparent } = event.context
  await write('jobs', 'insert into jobs (id, kind, request_id) values ($1, $2, $3)', [jobId, kind, requestId])
  await enqueue(subject, jobId, payload, { requestId, traceparent })
}

export const router = createRouter()

router.post('/v1/contracts', defineEventHandler(async (event) => {
  const b = await body(event, z.object({ title: z.string().min(1).nullish(), counterparty: z.string(), text: z.string().min(20), notify: z.boolean().default(false) }))
  const c = await write('contracts', 'insert into contracts (title, counterparty, body, notify) values ($1, $2, $3, $4) returning id', [b.title, b.counterparty, b.text, b.notify])
  const jobId = newJobId()
  await job(event, 'extract', 'contracts.extract', jobId, { contract_id: Number(c.id) })
  log.info('contract accepted', { contractId: Number(c.id), chars: b.text.length })
  setResponseStatus(event, 202)
  return { contractId: Number(c.id), jobId }
}))

router.post('/v1/reviews', defineEventHandler(async (event) => {
  const b = await body(event, z.object({ contractId: z.number().int(), playbook: z.enum(['nda', 'msa', 'dpa']) }))
  const c = await contract(b.contractId)
  const r = await write('reviews', 'insert into reviews (contract_id, playbook) values ($1, $2) returning id', [c.id, b.playbook])
  const jobId = newJobId()
  await job(event, 'review', 'contracts.review', jobId, { review_id: Number(r.id), contract_id: Number(c.id), playbook: b.playbook })
  setResponseStatus(event, 202)
  return { reviewId: Number(r.id), jobId }
}))

router.post('/v1/ask', defineEventHandler(async (event) => {
  const b = await body(event, z.object({ contractId: z.number().int(), question: z.string().min(3) }))
  const c = await contract(b.contractId)
  const abortSignal = gone(event)
  try {
    const { object, model } = await askWithFallback({ system: `You answer questions about the contract ${c.title}.`, prompt: b.question, abortSignal })
    await write('answers', 'insert into answers (contract_id, model, confidence) values ($1, $2, $3) returning id', [c.id, model, object.confidence])
    return { ...object, model }
  } catch (err) {
    if (abortSignal.aborted) { log.info('client left before the answer'); return null }
    if (err instanceof ModelTimeout) throw fail(504, 'model timed out')
    if (err instanceof ModelUnavailable) throw fail(503, 'no model available')
    if (NoObjectGeneratedError.isInstance(err)) { log.error('no usable answer from the model', { responseId: err.response?.id }); throw fail(502, 'no usable answer') }
    throw err
  }
}))

router.post('/v1/drafts', defineEventHandler(async (event) => {
  const b = await body(event, z.object({ contractId: z.number().int(), clause: z.string(), tone: z.enum(['firm', 'friendly']).default('firm') }))
  const c = await contract(b.contractId)
  const { res } = event.node, abortSignal = gone(event)
  let chunks = 0
  try {
    for await (const text of draft({ system: `You redraft clauses of ${c.title}, ${b.tone}.`, prompt: b.clause, abortSignal })) {
      if (!chunks++) res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      res.write(`data: ${JSON.stringify({ text })}\n\n`)
    }
  } catch (err) {
    if (!chunks) { log.error('draft failed', { error: err.message }); throw fail(503, 'no model available') }
    log.error('stream broke after {chunks} chunks', { chunks, error: err.message })
    res.destroy()
    return
  }
  if (abortSignal.aborted) { log.info('client left the stream after {chunks} chunks', { chunks }); event._handled = true; return }
  res.end('data: [DONE]\n\n')
}))

router.get('/v1/jobs/:id', defineEventHandler(async (event) => {
  const id = getRouterParam(event, 'id')
  const j = await one('select id, kind, status, updated_at from jobs where id = $1', [id])
  if (!j) throw fail(404, 'no such job')
  log.info('job {jobId} is {status}', { jobId: j.id, status: j.status })
  return j
}))

router.get('/v1/contracts/:id', defineEventHandler(async (event) => {
  const c = await contract(getRouterParam(event, 'id'))
  return { ...c, slug: c.title.toLowerCase().replace(/\W+/g, '-'), obligations: Number((await one('select count(*) n from obligations where contract_id = $1', [c.id])).n) }
}))

router.get('/v1/reviews/:id', defineEventHandler(async (event) => {
  const r = await one('select id, playbook, status, verdict, findings from reviews where id = $1', [getRouterParam(event, 'id')])
  if (!r) throw fail(404, 'no such review')
  return r
}))

router.patch('/v1/contracts/:id', defineEventHandler(async (event) => {
  const b = await body(event, z.object({ tags: z.array(z.string().min(1)).min(1) }))
  const c = await contract(getRouterParam(event, 'id'))
  await write('contracts', 'update contracts set tags = $2 where id = $1', [c.id, b.tags])
  return { ok: true }
}))

router.get('/healthz', defineEventHandler(async () => { await one('select 1'); return { ok: true } }))
