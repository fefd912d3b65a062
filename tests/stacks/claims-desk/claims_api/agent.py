import concurrent.futures
import contextvars
import json
import os
import random
import time

import httpx
import structlog
from django.db import connection

from lab import side

log = structlog.get_logger("claims.agent")
gateway = httpx.Client(base_url="http://127.0.0.1:21030", timeout=14)
policies = httpx.Client(base_url="http://127.0.0.1:21050", timeout=2)
pool = concurrent.futures.ThreadPoolExecutor(8)
PROMPT = "ask@3"


class Upstream(Exception):
    def __init__(self, status, text, call_id=None):
        super().__init__(text)
        self.status, self.call_id = status, call_id


class Unusable(Exception):
    pass


def traceparent(trace_id):
    return {"traceparent": f"00-{trace_id}-{os.urandom(8).hex()}-01"}


def chat(messages, trace_id, step):
    t = time.monotonic()
    r = gateway.post("/v1/chat/completions", headers={"x-caller": "claims-api", **traceparent(trace_id), **side.header()},
                     json={"model": "default", "messages": messages, "metadata": {"purpose": "ask", "prompt": PROMPT}})
    body, call_id = r.json(), r.headers.get("x-call-id")
    if r.status_code != 200:
        log.error("model_call_failed", step=step, call_id=call_id, status=r.status_code, trace_id=trace_id, duration_ms=round(1000 * (time.monotonic() - t)))
        raise Upstream(r.status_code, body["error"]["message"], call_id)
    u, c = body["usage"], body["choices"][0]
    log.info("model_answered", step=step, call_id=call_id, model=body["model"], finish_reason=c["finish_reason"], duration_ms=round(1000 * (time.monotonic() - t)),
             prompt_tokens=u["prompt_tokens"], completion_tokens=u["completion_tokens"])
    return call_id, c["message"]


def run_tool(name, claim, trace_id):
    if name == "policy_lookup":
        r = policies.get(f"/policies/{claim['policy']}", headers={**traceparent(trace_id), **side.header()})
        r.raise_for_status()
        return r.text
    if name == "claim_history":
        with connection.cursor() as c:
            c.execute("select id, state, pg_sleep(%s) from claims where policy = %s order by created desc limit 20", [random.uniform(.005, .06), claim["policy"]])
            return json.dumps([[str(x) for x in row[:2]] for row in c.fetchall()])
    if name == "payout_estimate":
        time.sleep(random.uniform(.02, .12))
        return json.dumps({"payout": claim["amount"] * .8})
    raise LookupError(name)


def tool(call, claim, trace_id, step):
    name, t, error = call["function"]["name"], time.monotonic(), None
    with side.Op("tool", name, ids=["tool:" + call["id"]]) as op:
        try:
            result = run_tool(name, claim, trace_id)
        except Exception as e:
            op.outcome = "timeout" if isinstance(e, httpx.TimeoutException) else "error"
            error, result = f"{type(e).__name__}: {e}", "tool failed"
    if error:
        log.warning("tool_failed", tool=name, tool_call_id=call["id"], step=step, error=error.splitlines()[0], took=round(time.monotonic() - t, 3))
    else:
        log.info("tool_finished", tool=name, tool_call_id=call["id"], step=step, took=round(time.monotonic() - t, 3))
    return {"role": "tool", "tool_call_id": call["id"], "content": result}


def check(text):
    try:
        v = json.loads(text)
    except ValueError:
        return "not JSON"
    return None if {"answer", "citations"} <= set(v) else "fields missing: answer, citations"


def run(claim, question, trace_id):
    messages = [{"role": "system", "content": PROMPT}, {"role": "user", "content": question}]
    again = 0
    for step in range(1, 8):
        call_id, m = chat(messages, trace_id, step)
        messages.append(m)
        calls = m.get("tool_calls")
        if calls:
            messages += list(pool.map(lambda x: x[0].run(tool, x[1], claim, trace_id, step), [(contextvars.copy_context(), c) for c in calls])) if len(calls) > 1 \
                else [tool(calls[0], claim, trace_id, step)]
            continue
        problem = check(m["content"])
        if not problem:
            return json.loads(m["content"]), step
        side.emit("invalid", o=side.KEY.get(), call=call_id)
        log.warning("answer_rejected", step=step, problem=problem)
        if again:
            raise Unusable(problem)
        again = 1
        side.emit("retry", o=side.KEY.get(), what="model", **{"class": "semantic"})
        messages.append({"role": "user", "content": "Answer in the format."})
    raise Unusable("too many steps")
