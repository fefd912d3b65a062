import { sleep } from './models.js';
import * as store from './store.js';
import * as truth from '../truth/recorder.js';

export const definitions = ['search_kb', 'get_order', 'create_ticket'].map((name) => ({
  name, description: name.replace('_', ' '), input_schema: { type: 'object', properties: { q: { type: 'string' } } },
}));

const run = {
  search_kb: (log, input) => store.search(log, input.q),
  async get_order(log, input) {
    await sleep(20 + Math.random() * 120);
    if (input.q === 'missing') throw new Error('order service answered 404');
    return { order: input.q, state: 'shipped' };
  },
  async create_ticket(log, input, session) {
    await sleep(10 + Math.random() * 30);
    await store.write(log, { sessionId: session }, 'tickets', [['insert into tickets (session, subject) values (?, ?)', session, 'from chat']]);
    return { ticket: 'open' };
  },
};

// The tool runner has a logger of its own: it knows the call and the session, not the request.
export async function callTool(log, session, call) {
  const begun = performance.now();
  const fields = { tool: call.name, callId: call.id, sessionId: session };
  const ms = () => Math.round(performance.now() - begun);
  try {
    const result = await truth.op('tool', call.name, () => run[call.name](log, call.input, session), { ids: [`tool:${call.id}`] });
    log.info({ component: 'tools', ...fields, ms: ms() }, 'tool finished');
    return { type: 'tool_result', tool_use_id: call.id, content: JSON.stringify(result) };
  } catch (e) {
    log.warn({ component: 'tools', ...fields, ms: ms(), error: e.message }, 'tool failed');
    return { type: 'tool_result', tool_use_id: call.id, is_error: true, content: e.message };
  }
}
