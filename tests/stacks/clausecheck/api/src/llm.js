import { createOpenAI } from '@ai-sdk/openai'
import { createAnthropic } from '@ai-sdk/anthropic'
import { generateObject, streamText, NoObjectGeneratedError, RetryError } from 'ai'
import { z } from 'zod'
import { logger } from './log.js'

const log = logger('llm')
const ATTEMPT_TIMEOUT = 4000

/** fetch with a time limit an attempt and a line a response: the SDK retries without a word. */
const loggedFetch = (provider) => async (url, init = {}) => {
  const t = performance.now()
  const { model } = JSON.parse(init.body)
  const c = new AbortController()
  const timer = setTimeout(() => c.abort(new DOMException('no answer in time', 'TimeoutError')), ATTEMPT_TIMEOUT)
  init.signal?.addEventListener('abort', () => c.abort(init.signal.reason), { once: true })
  try {
    const res = await fetch(url, { ...init, signal: c.signal })
    const props = { provider, model, status: res.status, durationMs: Math.round(performance.now() - t), upstreamRequestId: res.headers.get('x-request-id') ?? res.headers.get('request-id') }
    if (res.ok) log.info('{provider} answered {status}', props)
    else log.warn('{provider} answered {status}', props)
    return res
  } catch (err) {
    if (!init.signal?.aborted) log.warn('{provider} call failed: {error}', { provider, model, error: err.name, durationMs: Math.round(performance.now() - t) })
    throw err
  } finally {
    clearTimeout(timer)
  }
}

const openai = createOpenAI({ baseURL: process.env.OPENAI_BASE_URL, apiKey: process.env.OPENAI_API_KEY ?? 'sk-local', fetch: loggedFetch('openai') })
const anthropic = createAnthropic({ baseURL: process.env.ANTHROPIC_BASE_URL, apiKey: process.env.ANTHROPIC_API_KEY ?? 'sk-local', fetch: loggedFetch('anthropic') })
export const PRIMARY = { name: 'gpt-4.1-mini', model: openai.chat('gpt-4.1-mini') }
export const BACKUP = { name: 'claude-haiku-4-5', model: anthropic('claude-haiku-4-5') }

export const Answer = z.object({ answer: z.string(), clauses: z.array(z.string()), confidence: z.enum(['low', 'medium', 'high']) })
export class ModelTimeout extends Error {}
export class ModelUnavailable extends Error {}

const reason = (err) => (RetryError.isInstance(err) ? `${err.reason}: ${err.lastError?.statusCode ?? err.lastError?.name}` : (err.statusCode ?? err.name))
const timedOut = (err) => err.name === 'TimeoutError' || err.lastError?.name === 'TimeoutError'

async function ask(m, args) {
  const t = performance.now()
  for (let attempt = 1; ; attempt++) {
    try {
      const r = await generateObject({ model: m.model, schema: Answer, maxRetries: 2, ...args })
      log.info('model call finished', { model: m.name, responseId: r.response.id, inputTokens: r.usage.inputTokens, outputTokens: r.usage.outputTokens, finishReason: r.finishReason, promptVersion: 'ask@7', durationMs: Math.round(performance.now() - t) })
      return r.object
    } catch (err) {
      if (!NoObjectGeneratedError.isInstance(err) || attempt === 2) throw err
      log.warn('answer does not match the schema, asking again', { model: m.name, responseId: err.response?.id, attempt })
    }
  }
}

export async function askWithFallback(args) {
  try {
    return { object: await ask(PRIMARY, args), model: PRIMARY.name }
  } catch (err) {
    if (args.abortSignal?.aborted || NoObjectGeneratedError.isInstance(err) || err.statusCode === 400) throw err
    log.warn('{from} unavailable ({reason}), falling back to {to}', { from: PRIMARY.name, to: BACKUP.name, reason: reason(err) })
    try {
      return { object: await ask(BACKUP, { ...args, maxRetries: 1 }), model: BACKUP.name }
    } catch (err2) {
      if (args.abortSignal?.aborted) throw err2
      log.error('fallback to {to} failed: {reason}', { to: BACKUP.name, reason: reason(err2) })
      throw timedOut(err2) ? new ModelTimeout('model timed out') : new ModelUnavailable('no model available')
    }
  }
}

/** Yields text; falls back as long as nothing was sent. */
export async function* draft(args) {
  for (const m of [PRIMARY, BACKUP]) {
    const t = performance.now()
    let sent = false, first
    try {
      const r = streamText({ model: m.model, maxRetries: 1, ...args, onError: () => {} })
      for await (const part of r.fullStream) {
        if (part.type === 'error') throw part.error
        if (part.type === 'abort') return
        if (part.type !== 'text-delta') continue
        first ??= Math.round(performance.now() - t)
        sent = true
        yield part.text
      }
      const [usage, response] = [await r.usage, await r.response]
      log.info('stream finished', { model: m.name, responseId: response.id, inputTokens: usage.inputTokens, outputTokens: usage.outputTokens, promptVersion: 'draft@3', ttftMs: first, durationMs: Math.round(performance.now() - t) })
      return
    } catch (err) {
      if (args.abortSignal?.aborted) return
      if (sent || m === BACKUP) throw err
      log.warn('{from} unavailable ({reason}), falling back to {to}', { from: PRIMARY.name, to: BACKUP.name, reason: reason(err) })
    }
  }
}
