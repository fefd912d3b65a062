// Calls to the model provider: one loop for retries, fallback to another model and answers that do not fit.
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import * as truth from '../truth/recorder.js';

const TRIES = 2;
const RETRIES_OF_BAD_ANSWERS = 2;
export const sleep = (ms, signal) => new Promise((resolve, reject) => {
  if (signal?.aborted) return reject(signal.reason);
  const t = setTimeout(resolve, ms);
  signal?.addEventListener('abort', () => { clearTimeout(t); reject(signal.reason); }, { once: true });
});

const anthropic = new Anthropic({ apiKey: 'local', baseURL: process.env.MODEL_URL, maxRetries: 0, timeout: 1500, fetch: truth.fetchNoting });
const openai = new OpenAI({ apiKey: 'local', baseURL: `${process.env.MODEL_URL}/v1`, maxRetries: 0, timeout: 4000, fetch: truth.fetchNoting });

export class ModelError extends Error {
  constructor(kind, message, requestId) { super(message); Object.assign(this, { name: 'ModelError', kind, truth: kind, requestId }); }
}

function kindOf(e, signal) {
  if (signal?.aborted) return 'cancelled';
  if (e.kind) return e.kind;
  if (e.status === 429) return 'rate_limited';
  if (e.status >= 500) return 'server_error';
  if (/Timeout/.test(e.constructor.name)) return 'timeout';
  if (e instanceof SyntaxError) return 'broken';
  return 'error';
}

async function attempts({ provider, models, log, fields, signal, call, check }) {
  let attempt = 0;
  let bad = 0;
  let last;
  const group = `${process.pid}-${performance.now()}`;
  for (const [m, model] of models.entries()) {
    for (let tries = 1; tries <= TRIES;) {
      signal?.throwIfAborted();
      attempt += 1;
      const begun = performance.now();
      const line = { ...fields, provider, model, attempt };
      try {
        const attrs = { status: null, stream: false, headers_at: null, attempt, fallback_from: m ? models[0] : null, group };
        return await truth.op('model_call', model, async (o) => {
          let answer;
          try {
            answer = await call(model);
          } catch (e) {
            o.outcome = kindOf(e, signal);
            throw e;
          }
          const ms = Math.round(performance.now() - begun);
          const value = check(answer);
          if (value === undefined) {
            log.warn({ ...line, requestId: answer._request_id, ms }, 'answer does not fit the schema');
            throw new ModelError('invalid', `answer of ${model} does not fit the schema`, answer._request_id);
          }
          log.info({ ...line, requestId: answer._request_id, ms, usage: answer.usage, ...(value.calls?.length ? { toolCalls: value.calls.map((c) => c.id) } : {}) }, 'model answered');
          return value;
        }, { attrs });
      } catch (e) {
        const kind = kindOf(e, signal);
        if (kind === 'cancelled') throw e;
        last = new ModelError(kind, e.message, e.requestID ?? e.requestId);
        if (kind === 'invalid') {
          if (++bad > RETRIES_OF_BAD_ANSWERS || fields.queue) throw last;
          continue;
        }
        if (kind === 'error') throw e;
        const more = tries < TRIES;
        const wait = more ? Math.round(Number(e.headers?.get?.('retry-after') ?? 0) * 1000 || 150 * 2 ** tries + Math.random() * 100) : undefined;
        log.warn({ ...line, requestId: e.requestID ?? undefined, status: e.status, error: kind === 'broken' ? 'body is not JSON' : e.constructor.name, ms: Math.round(performance.now() - begun), ...(more ? { retryInMs: wait } : {}) },
          more ? 'model call failed, will retry' : 'model call failed');
        if (more) await truth.op('retry_wait', `backoff before attempt ${attempt + 1}`, (o) => { o.outcome = kind; return sleep(wait, signal); });
        tries += 1;
      }
    }
    if (models[m + 1]) log.warn({ ...fields, from: model, to: models[m + 1] }, 'falling back to another model');
  }
  throw last;
}

export const chat = ({ body, signal, ...rest }) => attempts({
  provider: 'anthropic', signal, ...rest, call: (model) => anthropic.messages.create({ max_tokens: 400, ...body, model }, { signal }),
});

export const embed = ({ input, ...rest }) => attempts({
  provider: 'openai', models: ['text-embedding-3-small'], ...rest,
  call: (model) => openai.embeddings.create({ model, input, encoding_format: 'float' }), check: (a) => a.data?.map((d) => d.embedding),
});
