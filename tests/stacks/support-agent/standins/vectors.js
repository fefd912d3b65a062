// Stand-in for a vector store: takes points, answers searches.
import http from 'node:http';

const refused = new Map();
http.createServer(async (req, res) => {
  let text = '';
  for await (const c of req) text += c;
  const plan = JSON.parse(/\[\[(.*)\]\]/s.exec(JSON.parse(text).play ?? '')?.[1] ?? '{}');
  await new Promise((r) => { setTimeout(r, 4 + Math.random() * 45); });
  const n = refused.get(plan.key) ?? 0;
  const refuse = n < (plan.refuse ?? 0);
  if (refuse) refused.set(plan.key, n + 1);
  res.writeHead(refuse ? 503 : 200, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ status: refuse ? 'busy' : 'ok', result: [] }));
}).listen(Number(process.env.PORT));
