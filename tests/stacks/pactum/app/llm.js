'use strict'
// Models: OpenAI first, Anthropic in reserve. The SDKs do the retries.
const OpenAI = require('openai')
const Anthropic = require('@anthropic-ai/sdk')
const { z } = require('zod')

class ModelUnavailable extends Error {
  get name () { return 'ModelUnavailable' }
  constructor (cause) {
    super('no model available: ' + cause.message)
    this.timeout = cause instanceof OpenAI.APIConnectionTimeoutError || cause instanceof Anthropic.APIConnectionTimeoutError
    this.permanent = cause.status === 400 || cause.status === 401
  }
}
class BadAnswer extends Error {
  get name () { return 'BadAnswer' }
}
const ms = (t) => Math.round(performance.now() - t)
const isAbort = (e) => e instanceof OpenAI.APIUserAbortError || e instanceof Anthropic.APIUserAbortError

class Llm {
  constructor (logger) {
    this.openai = new OpenAI({ timeout: 4000, maxRetries: 2, logger, logLevel: 'info' })
    this.anthropic = new Anthropic({ timeout: 4000, maxRetries: 1, logger, logLevel: 'info' })
  }

  /** The same clients, with the SDKs' lines in the given logger. */
  with (logger) {
    return Object.assign(Object.create(Llm.prototype), { openai: this.openai.withOptions({ logger }), anthropic: this.anthropic.withOptions({ logger }) })
  }

  chain ({ system, messages, tools, stream }) {
    return [
      ['gpt-4.1', async (model, o) => {
        const r = await this.openai.chat.completions.create({ model, messages: [{ role: 'system', content: system }, ...messages], ...(tools && { tools: tools.map((f) => ({ type: 'function', function: f })) }), ...(stream && { stream: true, stream_options: { include_usage: true } }) }, o)
        if (stream) return r
        const m = r.choices[0].message
        return { id: r.id, input: r.usage.prompt_tokens, output: r.usage.completion_tokens, text: m.content, calls: (m.tool_calls || []).map((c) => ({ id: c.id, name: c.function.name, args: JSON.parse(c.function.arguments) })), message: m }
      }],
      ['claude-haiku-5-5', async (model, o) => {
        const plain = messages.map((m) => ({ role: m.role === 'assistant' ? 'assistant' : 'user', content: m.content || 'see tools' }))
        const r = await this.anthropic.messages.create({ model, max_tokens: 1500, system, messages: plain, ...(tools && { tools: tools.map((f) => ({ name: f.name, description: f.description, input_schema: f.parameters })) }), ...(stream && { stream: true }) }, o)
        if (stream) return r
        const calls = r.content.filter((b) => b.type === 'tool_use').map((b) => ({ id: b.id, name: b.name, args: b.input }))
        return { id: r.id, input: r.usage.input_tokens, output: r.usage.output_tokens, text: r.content.filter((b) => b.type === 'text').map((b) => b.text).join(''), calls, message: { role: 'assistant', content: null, tool_calls: calls.map((c) => ({ id: c.id, type: 'function', function: { name: c.name, arguments: JSON.stringify(c.args) } })) } }
      }]
    ]
  }

  async call (log, prompt, what, signal) {
    const models = this.chain(what)
    for (const [i, [model, go]] of models.entries()) {
      const t = performance.now()
      log.info({ model, promptVersion: prompt }, 'calling model')
      try {
        const r = await go(model, { signal })
        if (what.stream) return { model, stream: r, t }
        log.info({ model, promptVersion: prompt, completionId: r.id, inputTokens: r.input, outputTokens: r.output, durationMs: ms(t) }, 'model call finished')
        return { model, ...r }
      } catch (err) {
        if (isAbort(err)) throw err
        log.warn({ model, status: err.status, upstreamRequestId: err.requestID || err.request_id || undefined, errorType: err.constructor.name, durationMs: ms(t) }, 'model call failed')
        if (i === models.length - 1) throw new ModelUnavailable(err)
        log.warn({ from: model, to: models[i + 1][0] }, 'using fallback model')
      }
    }
  }

  /** An answer that fits the schema; asks once more if the first does not. */
  async json (log, prompt, schema, what, signal) {
    for (const last of [false, true]) {
      const r = await this.call(log, prompt, what, signal)
      let parsed
      try { parsed = schema.safeParse(JSON.parse(r.text)) } catch (e) { parsed = { success: false, error: { issues: [e.message] } } }
      if (parsed.success) return { model: r.model, answer: parsed.data }
      log.warn({ model: r.model, completionId: r.id, issues: parsed.error.issues.length }, last ? 'answer does not fit the schema' : 'answer does not fit the schema, asking again')
    }
    throw new BadAnswer('model answered out of schema twice')
  }
}

module.exports = { Llm, ModelUnavailable, BadAnswer, isAbort, ms, z }
