"""What the jobs do."""
import asyncio
import json
import logging
import os
import time
import uuid

import aiohttp
from pydantic import BaseModel

from . import db, llm, queue, tools
from .logs import JobLog, ns

logger = logging.getLogger("castworker")


class Chapter(BaseModel):
    title: str
    minute: int


class Summary(BaseModel):
    headline: str
    tone: str
    chapters: list[Chapter]


async def summarize(log, p):
    e = await db.row("select transcript from episodes where id = $1", p["episode_id"])
    s = await llm.structured(log, "summarize-v14", "Summarize the episode. JSON: headline, tone, chapters", [{"role": "user", "content": e["transcript"]}], Summary)
    await db.write(log, "update episodes set headline = $1, tone = $2, state = 'summarized' where id = $3", s.headline, s.tone, p["episode_id"])
    for c in s.chapters:
        await db.write(log, "insert into chapters (episode_id, title, minute) values ($1, $2, $3)", p["episode_id"], c.title, c.minute)
    if p.get("publish"):
        t, next_id = time.perf_counter(), uuid.uuid4().hex[:20]
        await queue.put(next_id, "publish", {k: p[k] for k in ("episode_id", "req_id", "trace_id") if k in p})
        log.info("publish job sent", extra={"next_job.id": next_id, "event.duration": ns(time.perf_counter() - t)})


async def publish(log, p):
    t = time.perf_counter()
    async with aiohttp.ClientSession() as s, s.post(os.environ["FEED_URL"], json={"episode": p["episode_id"]}, headers=feed_headers()) as r:
        log.info("feed host answered", extra={"http.response.status_code": r.status, "event.duration": ns(time.perf_counter() - t)})
        if r.status >= 400:
            raise RuntimeError(f"feed host answered {r.status}")
    await db.write(log, "insert into publications (episode_id) values ($1)", p["episode_id"])


def feed_headers():
    return {"Accept": "application/json"}


async def one_tool(log, c):
    cid, name, args = c
    t = time.perf_counter()
    out = await tools.run(name, args, cid)
    log.info("tool %s done", name, extra={"tool.name": name, "tool.call_id": cid, "event.duration": ns(time.perf_counter() - t)})
    return {"role": "tool", "tool_call_id": cid, "content": json.dumps(out)}


async def research(log, p):
    messages = [{"role": "user", "content": f"Research episode {p['episode_id']}"}]
    for turn in range(1, 7):
        _, _, text, calls = await llm.call(log, "research-v6", "You research background for a podcast episode.", messages, tools.DEFS)
        if not calls:
            await db.write(log, "insert into research_notes (episode_id, text) values ($1, $2)", p["episode_id"], text[:80])
            log.info("research complete after %d turns", turn)
            return
        messages.append({"role": "assistant", "content": None, "tool_calls": [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}} for i, n, a in calls]})
        messages += await asyncio.gather(*(one_tool(log, c) for c in calls))
    raise RuntimeError("agent does not stop")


KINDS = {"summarize": summarize, "publish": publish, "research": research}


async def run(job):
    """One run of a job: done, skipped, retry or dead."""
    p, t, job_about = job["payload"], time.perf_counter(), {"job.kind": job["kind"], "job.attempt": job["attempt"]}
    log = JobLog(logger, {"http.request.id": p["req_id"], "job.id": job["id"]})
    if job["claimed"]:
        logger.warning(f"claimed entry {job['entry']} with job {job['id']} from a consumer that is gone")
    if await queue.is_done(job):
        log.warning("job is already done, skipping", extra=job_about)
        await queue.ack(job, "done")
        return "skipped", None
    log.info("job started", extra={**job_about, **({"queue.wait_ms": int(time.time() * 1000) - job["sent"]} if job["attempt"] == 1 else {}), **({"trace.id": p["trace_id"]} if "trace_id" in p else {})})
    try:
        await KINDS[job["kind"]](log, p)
        await queue.ack(job, "done")
        log.info("job finished", extra={**job_about, "event.duration": ns(time.perf_counter() - t), "event.outcome": "success"})
        return "done", None
    except Exception as e:
        about = {**job_about, "error.type": type(e).__name__, "error.message": str(e), "event.outcome": "failure"}
        if getattr(e, "permanent", False) or job["attempt"] >= queue.MAX_ATTEMPTS:
            await db.write(log, "insert into failed_jobs (job_id, reason) values ($1, $2)", job["id"], str(e))
            await queue.ack(job, "failed")
            log.error("job failed for good", extra={**about, "event.duration": ns(time.perf_counter() - t)})
            return "dead", e
        await queue.later(job)
        log.warning("job failed, retry in %d s", queue.RETRY_S, extra={**about, "retry.delay_ms": queue.RETRY_S * 1000, "event.duration": ns(time.perf_counter() - t)})
        return "retry", e
