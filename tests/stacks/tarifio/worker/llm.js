'use strict'
// Models: gpt first, claude if it is down. Own retries, each with its line.
const OpenAI = require('openai')
const Anthropic = require('@anthropic-ai/sdk')
const Ajv = require('ajv')
const root = require('./log')
const sdk = { timeout: 3000, maxRetries: 0, logger: root, logLevel: 'info' }
const openai = new OpenAI(sdk), anthropic = new Anthropic(sdk)
const ajv = new Ajv()
const MODELS = [['gpt-5-mini', 3], ['claude-sonnet-4-6', 2]]
const sleep = (n) => new Promise((resolve) => setTimeout(resolve, n))
const took = (t) => Math.round(performance.now() - t)

class ModelDown extends Error { get name () { return 'ModelDown' } }
class BadAnswer extends Error { get name () { return 'BadAnswer' } }

async function send (model, { system, messages, tools }) {
  if (model.startsWith('gpt')) {
    const r = await openai.chat.completions.create({ model, messages: [{ role: 'system', content: system }, ...messages], ...(tools && { tools: tools.map((f) => ({ type: 'function', function: f })) }) })
    const m = r.choices[0].message
    return { id: r.id, tin: r.usage.prompt_tokens, tout: r.usage.completion_tokens, text: m.content, message: m, calls: (m.tool_calls || []).map((c) => ({ id: c.id, name: c.function.name, args: JSON.parse(c.function.arguments) })) }
  }
  const plain = messages.map((m) => ({ role: m.role === 'assistant' ? 'assistant' : 'user', content: m.content || 'see tools' }))
  const r = await anthropic.messages.create({ model, max_tokens: 1500, system, messages: plain, ...(tools && { tools: tools.map((f) => ({ name: f.name, description: f.description, input_schema: f.parameters })) }) })
  const calls = r.content.filter((b) => b.type === 'tool_use').map((b) => ({ id: b.id, name: b.name, args: b.input }))
  return { id: r.id, tin: r.usage.input_tokens, tout: r.usage.output_tokens, text: r.content.map((b) => b.text || '').join(''), calls, message: { role: 'assistant', content: null, tool_calls: calls.map((c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: JSON.stringify(c.args) } })) } }
}

async function call (log, promptVersion, what) {
  let last
  for (const [i, [model, max]] of MODELS.entries()) {
    if (i) log.warn('fallback to other model', { fromModel: MODELS[i - 1][0], toModel: model })
    for (let attempt = 1; attempt <= max; attempt++) {
      const t = performance.now()
      log.info('model call start', { model, attempt, promptVersion })
      try {
        const r = await send(model, what)
        log.info('model call end', { model, attempt, completionId: r.id, inputTokens: r.tin, outputTokens: r.tout, toolCalls: r.calls.length, durationMs: took(t) })
        return { model, ...r }
      } catch (err) {
        const timeout = err instanceof OpenAI.APIConnectionTimeoutError || err instanceof Anthropic.APIConnectionTimeoutError
        if (!timeout && !err.status) throw err
        last = err
        log.warn(timeout ? 'model call timed out' : 'model call failed', { model, attempt, statusCode: err.status, providerRequestId: err.requestID || undefined, durationMs: took(t) })
        if (err.status === 400) break
        if (attempt < max) {
          const wait = Number((err.headers && err.headers.get('retry-after')) || 0) * 1000 || 400 * 2 ** attempt
          log.info('retrying model call', { model, waitMs: wait, nextAttempt: attempt + 1 })
          await sleep(wait)
        }
      }
    }
  }
  throw Object.assign(new ModelDown(last.message), { permanent: last.status === 400 })
}

async function json (log, promptVersion, schema, what) {
  const ok = ajv.compile(schema)
  for (const last of [false, true]) {
    const r = await call(log, promptVersion, what)
    let answer
    try { answer = JSON.parse(r.text) } catch {}
    if (ok(answer)) return answer
    log.warn(last ? 'answer does not match schema' : 'answer does not match schema, asking again', { model: r.model, completionId: r.id, problem: ajv.errorsText(ok.errors) })
  }
  throw new BadAnswer('answer does not match schema')
}

module.exports = { call, json, took }
