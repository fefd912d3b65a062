'use strict'
const db = require('./db')
const queue = require('./queue')
const tools = require('./tools')
const llm = require('./llm')
const root = require('./log')
const SCHEMA = { type: 'object', required: ['category', 'risk', 'lines'], properties: { category: { type: 'string' }, risk: { type: 'string' }, lines: { type: 'array', items: { type: 'object' } } } }

const kinds = {
  async classify (log, p) {
    const s = await db.one('select description from shipments where id = $1', p.shipment_id)
    const a = await llm.json(log, 'classify@12', SCHEMA, { system: 'Classify the goods. JSON: category, risk, lines', messages: [{ role: 'user', content: s.description }] })
    await db.write(log, "update shipments set category = $1, risk = $2, state = 'classified' where id = $3", a.category, a.risk, p.shipment_id)
    for (const l of a.lines) await db.write(log, 'insert into hs_lines (shipment_id, hs_code, duty_pct) values ($1, $2, $3)', p.shipment_id, l.hs_code, l.duty)
    if (p.value_eur > 10000) {
      const t = performance.now()
      const id = await queue.put('file_declaration', { shipment_id: p.shipment_id, request_id: p.request_id, trace_id: p.trace_id })
      log.info('declaration queued', { nextJobId: id, durationMs: llm.took(t) })
    }
  },
  async file_declaration (log, p) {
    const t = performance.now()
    const r = await fetch(process.env.CUSTOMS_URL, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ shipment: p.shipment_id }) })
    log.info('customs office answered', { statusCode: r.status, durationMs: llm.took(t) })
    if (!r.ok) throw new Error('customs office answered ' + r.status)
    await db.write(log, 'insert into filings (shipment_id) values ($1)', p.shipment_id)
  },
  async screen (log, p) {
    const messages = [{ role: 'user', content: `Screen shipment ${p.shipment_id}` }]
    for (let turn = 1; turn <= 6; turn++) {
      const r = await llm.call(log, 'screen@5', { system: 'You screen shipments for export control.', messages, tools: tools.defs })
      if (!r.calls.length) {
        await db.write(log, 'insert into screenings (shipment_id, summary) values ($1, $2)', p.shipment_id, r.text.slice(0, 80))
        log.info('screening finished', { turns: turn })
        return
      }
      messages.push(r.message)
      const results = await Promise.all(r.calls.map(async (c) => {
        const t = performance.now()
        const out = await tools.run(c.name, c.args, c.id)
        log.info(`tool ${c.name}`, { tool: c.name, toolCallId: c.id, durationMs: llm.took(t) })
        return { role: 'tool', tool_call_id: c.id, content: JSON.stringify(out) }
      }))
      messages.push(...results)
    }
    throw new Error('agent does not come to an end')
  }
}

/** One run of a job, whatever becomes of it. */
exports.run = async (job) => {
  const { kind, attempts: attempt, payload } = job
  const log = root.child({ requestId: payload.request_id, jobId: job.id })
  const t = performance.now()
  if (job.lost_by) root.warn(`lease of job ${job.id} ran out on ${job.lost_by}, taking it over`)
  if (await db.one('select 1 from processed_jobs where job_id = $1', job.id)) {
    log.warn('job was done before, nothing to do', { kind, attempt })
    await queue.done(job)
    return { outcome: 'skipped' }
  }
  log.info('job started', { kind, attempt, ...(attempt === 1 && { queuedMs: job.age }), ...(payload.trace_id && { traceId: payload.trace_id }) })
  try {
    await kinds[kind](log, payload)
    await db.write(log, 'insert into processed_jobs (job_id) values ($1)', job.id)
    await queue.done(job)
    log.info('job finished', { kind, attempt, durationMs: llm.took(t) })
    return { outcome: 'done' }
  } catch (err) {
    if (err.permanent || attempt >= queue.MAX_ATTEMPTS) {
      await db.write(log, 'insert into dead_jobs (job_id, reason) values ($1, $2)', job.id, err.message)
      await queue.dead(job)
      log.error('job given up', { kind, attempt, error: err.name, reason: err.message, durationMs: llm.took(t) })
      return { outcome: 'dead', error: err }
    }
    await queue.later(job, queue.RETRY_SECONDS)
    log.warn('job failed, will run again', { kind, attempt, error: err.name, reason: err.message, retryInMs: queue.RETRY_SECONDS * 1000, durationMs: llm.took(t) })
    return { outcome: 'retry', error: err }
  }
}
