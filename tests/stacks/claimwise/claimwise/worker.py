"""python -m claimwise.worker: SAQ worker. Four runs a job, two seconds between them."""
import asyncio
import functools
import logging
import os
import time
import uuid

import httpx
from saq import Worker
from saq.utils import now

from . import ai, db, workerlog
from .queue import POLICY, queue

workerlog.setup()
log = logging.getLogger("claims.worker")


def job(fn):
    """Begin and end of every job, and what becomes of one that fails."""
    @functools.wraps(fn)
    async def run(ctx, *, request_id, traceparent=None, **payload):
        j, t = ctx["job"], time.monotonic()
        workerlog.current.set({"correlation_id": request_id, "task": j.key})
        if (await db.one("select status from jobs where id = $1", uuid.UUID(j.key)))["status"] == "done":
            log.warning("job already done, skipped", extra={"run": j.attempts})
            return
        more = {"waited_ms": now() - j.queued} if j.attempts == 1 else {}
        if traceparent:
            more["trace"] = traceparent.split("-")[1]
        log.info("job started", extra={"kind": j.function, "run": j.attempts, **more})
        await db.write("update jobs set status = 'running', runs = $2 where id = $1", j.key, j.attempts)
        try:
            await fn(request_id, traceparent, **payload)
            await db.write("update jobs set status = 'done', updated_at = now() where id = $1", j.key)
            log.info("job done", extra={"kind": j.function, "run": j.attempts, "took_ms": ai.took(t)})
        except Exception as e:
            about = {"kind": j.function, "run": j.attempts, "error": type(e).__name__, "took_ms": ai.took(t)}
            if isinstance(e, ai.Declined):
                j.retries = j.attempts
            if j.retryable:
                log.warning("job failed, will run again in %gs", j.retry_delay, extra=about)
            else:
                log.error("job failed for good", extra=about)
                await db.write("insert into dead_letters (job_id, reason) values ($1, $2)", j.key, type(e).__name__)
                await db.write("update jobs set status = 'failed', updated_at = now() where id = $1", j.key)
            raise
    return run


@job
async def triage_claim(request_id, traceparent, claim_id, amount):
    row = await db.one("select body from claims where id = $1", claim_id)
    tr = await ai.triage(row["body"])
    await db.write("update claims set category = $1, severity = $2, state = 'triaged' where id = $3", tr.category, tr.severity, claim_id)
    await db.write_many("insert into claim_items (claim_id, kind, cost) values ($1, $2, $3)", [(claim_id, i["kind"], i["cost"]) for i in tr.items])
    if amount > 10000:
        key = str(uuid.uuid4())
        await db.write("insert into jobs (id, kind) values ($1, 'notify_adjuster')", key)
        await queue.enqueue("notify_adjuster", key=key, request_id=request_id, traceparent=traceparent, claim_id=claim_id, **POLICY)
        log.info("adjuster job enqueued", extra={"next_task": key, "next_kind": "notify_adjuster"})


@job
async def notify_adjuster(request_id, traceparent, claim_id):
    t = time.monotonic()
    async with httpx.AsyncClient(timeout=5) as c:
        r = await c.post(os.environ["ADJUSTER_URL"], json={"claim": claim_id})
    log.info("adjuster answered", extra={"http_status": r.status_code, "took_ms": ai.took(t)})
    r.raise_for_status()
    await db.quietly("insert into notifications (claim_id) values ($1)", claim_id)


@job
async def investigate_claim(request_id, traceparent, claim_id):
    row = await db.one("select body from claims where id = $1", claim_id)
    summary = await ai.investigate(row["body"])
    await db.write("insert into findings (claim_id, summary) values ($1, $2)", claim_id, summary[:80])


async def startup(ctx):
    await db.connect(lambda table, verb, rows, ms: logging.getLogger("claims.db").info("%s %s", verb, table, extra={"rows": rows, "query_ms": round(ms, 2)}))
    log.info("worker ready", extra={"pid": os.getpid()})


async def main():
    await queue.connect()
    await Worker(queue, [triage_claim, notify_adjuster, investigate_claim], concurrency=6, startup=startup, timers={"sweep": 10}, shutdown_grace_period_s=2).start()


if __name__ == "__main__":
    asyncio.run(main())
