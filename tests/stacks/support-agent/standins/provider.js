// Stand-in for the model provider: the Messages protocol of Anthropic and the Embeddings protocol of OpenAI.
// What it plays stands in the text it is sent, as [[{...}]]: {key, steps, wide, tool, model: {name: [behaviour, ...]}}; the last behaviour ending in * repeats.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';

const seen = fs.openSync(`${process.env.TRUTH_DIR}/provider.ndjson`, 'a');
const calls = new Map();
const id = (prefix, n = 12) => prefix + randomBytes(n).toString('base64url').replace(/[-_]/g, 'x');
const wait = (ms) => new Promise((r) => { setTimeout(r, ms); });

function behaviour(plan, model) {
  const list = plan.model?.[model] ?? plan.model?.['*'] ?? [];
  const key = `${plan.key}/${model}`;
  const n = calls.get(key) ?? 0;
  calls.set(key, n + 1);
  const last = list.at(-1);
  return list[n]?.replace('*', '') ?? (last?.endsWith('*') ? last.slice(0, -1) : 'ok');
}

function message(plan, body, what) {
  const rounds = body.messages.filter((m) => Array.isArray(m.content) && m.content[0]?.type === 'tool_result').length;
  const wantsTool = body.tools && rounds < (plan.steps ?? 1) - 1;
  const tools = ['search_kb', 'get_order', 'create_ticket'];
  const content = wantsTool
    ? Array.from({ length: plan.wide ?? 1 }, (_, i) => ({ type: 'tool_use', id: id('toolu_01', 15), name: plan.tool ?? tools[(rounds + i) % 3], input: { q: plan.tool ? 'missing' : `o-${rounds}` } }))
    : [{ type: 'text', text: what === 'schema' ? 'Sure! Here is what I found' : JSON.stringify({ answer: 'done', confidence: 0.8, summary: 'short' }) }];
  return { id: id('msg_01'), type: 'message', role: 'assistant', model: body.model, content, stop_reason: wantsTool ? 'tool_use' : 'end_turn', stop_sequence: null,
    usage: { input_tokens: 300 + rounds * 90, output_tokens: 40 + Math.floor(Math.random() * 90) } };
}

http.createServer(async (req, res) => {
  let text = '';
  for await (const c of req) text += c;
  const body = JSON.parse(text);
  const anthropic = req.url.startsWith('/v1/messages');
  const source = anthropic ? body.messages[0].content : body.input[0];
  const plan = JSON.parse(/\[\[(.*)\]\]/s.exec(source)?.[1] ?? '{}');
  const what = behaviour(plan, body.model);
  const requestId = id(anthropic ? 'req_011C' : 'req_', anthropic ? 14 : 16);
  fs.writeSync(seen, JSON.stringify({ id: requestId, model: body.model, what }) + '\n');
  const headers = { 'content-type': 'application/json', [anthropic ? 'request-id' : 'x-request-id']: requestId };
  const send = (status, value, more = {}) => { res.writeHead(status, { ...headers, ...more }); res.end(typeof value === 'string' ? value : JSON.stringify(value)); };
  const error = (type, m) => ({ type: 'error', error: { type, message: m }, request_id: requestId });
  await wait(anthropic ? 50 + Math.random() * 320 : 25 + Math.random() * 120);
  if (what === '429') return send(429, error('rate_limit_error', 'rate limit'), { 'retry-after': '1' });
  if (what === '500') return send(500, error('api_error', 'internal server error'));
  if (what === '529') return send(529, error('overloaded_error', 'Overloaded'));
  if (what === 'hang') return wait(9000).then(() => res.destroy());
  if (what.startsWith('slow')) await wait(Number(what.slice(4)));
  const answer = anthropic ? message(plan, body, what)
    : { object: 'list', model: body.model, data: body.input.map((_, index) => ({ object: 'embedding', index, embedding: [0.1, 0.2, 0.3] })), usage: { prompt_tokens: 80, total_tokens: 80 } };
  return send(200, what === 'cut' ? JSON.stringify(answer).slice(0, 60) : answer);
}).listen(Number(process.env.PORT));
