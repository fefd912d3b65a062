import json
import os
import random
import time

import structlog
from django.db import connection
from django.http import Http404, JsonResponse

from lab import side

from . import agent, jobs

log = structlog.get_logger("claims.views")


def one(sql, args, columns):
    with connection.cursor() as c:
        c.execute(sql, args)
        row = c.fetchone()
    return row and dict(zip(columns, row))


def write(table, sql, args):
    with side.Op("db_write", table), connection.cursor() as c:
        c.execute(sql, args)


def claim_or_404(claim_id):
    claim = one("select id, policy, line, amount, state from claims where id = %s", [claim_id], ["id", "policy", "line", "amount", "state"])
    if not claim:
        raise Http404("no such claim")
    return claim


def body_of(request):
    try:
        return json.loads(request.body)
    except ValueError:
        return None


def healthz(request):
    return JsonResponse({"ok": True})


def create(request):
    b = body_of(request)
    if b is None:
        return JsonResponse({"error": "body is not JSON"}, status=400)
    if not isinstance(b.get("amount"), int):
        log.warning("claim_invalid", field="amount")
        return JsonResponse({"error": "amount: integer expected"}, status=422)
    with connection.cursor() as c:
        c.execute("select nextval('claim_no')")
        claim_id = f"CLM-2026-{c.fetchone()[0]:05d}"
    write("claims", "insert into claims (id, policy, line, amount) values (%s, %s, %s, %s)", [claim_id, b["policy"], b["line"], b["amount"]])
    log.info("claim_registered", claim_id=claim_id, line=b["line"])
    job_id = jobs.enqueue("assess-claim", {"claimId": claim_id, "requestId": side.KEY.get()})
    return JsonResponse({"claim": claim_id, "job": job_id}, status=202)


def read(request, claim_id):
    return JsonResponse(claim_or_404(claim_id))


def letter(request, claim_id):
    claim = claim_or_404(claim_id)
    if claim["state"] == "closed":
        log.info("letter_refused", claim_id=claim_id, state="closed")
        return JsonResponse({"error": "claim is closed"}, status=409)
    job_id = jobs.enqueue("draft-letter", {"claimId": claim_id, "requestId": side.KEY.get()})
    return JsonResponse({"job": job_id}, status=202)


def job(request, job_id):
    row = one("select state, retry_count from pgboss.job where id = %s", [str(job_id)], ["state", "retries"])
    if not row:
        raise Http404("no such job")
    log.info("job_state_read", job_id=str(job_id), state=row["state"])
    return JsonResponse(row)


def ask(request, claim_id):
    claim, b = claim_or_404(claim_id), body_of(request)
    if not b or not b.get("question"):
        return JsonResponse({"error": "question is empty"}, status=400)
    tp = request.headers.get("traceparent", "").split("-")
    trace_id = tp[1] if len(tp) == 4 else os.urandom(16).hex()
    side.ids("trace:" + trace_id)
    started = time.monotonic()
    log.info("agent_started", claim_id=claim_id, trace_id=trace_id, prompt_version=agent.PROMPT)
    try:
        answer, steps = agent.run(claim, b["question"], trace_id)
    except agent.Upstream as e:
        if e.status == 400:
            return JsonResponse({"error": "claim file is too long"}, status=422)
        return JsonResponse({"error": "model unavailable"}, status=504 if e.status == 504 else 502)
    except agent.Unusable as e:
        log.error("agent_gave_up", problem=str(e), elapsed_ms=round(1000 * (time.monotonic() - started)))
        return JsonResponse({"error": "no usable answer"}, status=502)
    if (side.PLAN.get() or {}).get("bug"):
        answer = answer["citations"]["first"]
    answer_id = f"ans-{random.getrandbits(48):012x}"
    side.neutral(answer_id)
    write("answers", "insert into answers (id, claim_id, body) values (%s, %s, %s)", [answer_id, claim_id, json.dumps(answer)])
    log.info("answer_saved", answer_id=answer_id, claim_id=claim_id, steps=steps, elapsed_ms=round(1000 * (time.monotonic() - started)))
    return JsonResponse({"id": answer_id, **answer})
