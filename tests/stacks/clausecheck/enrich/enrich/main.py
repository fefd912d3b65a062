"""Takes contracts.* from JetStream: extracts obligations, reviews contracts. What comes after goes to Procrastinate."""
import logging
import os
import time

import anthropic
import openai
from faststream import AckPolicy, Context, FastStream
from faststream.nats import JStream, NatsBroker, PullSub
from faststream.nats.annotations import NatsMessage
from nats.js.api import ConsumerConfig
from pydantic import BaseModel
from pydantic_ai.exceptions import AgentRunError, FallbackExceptionGroup

from . import db, models
from .logs import request_id, setup, trace_id
from clausecheck_jobs.tasks import app as jobs

setup("enrich")
log = logging.getLogger("enrich")
broker = NatsBroker(os.environ["NATS_URL"], logger=logging.getLogger("enrich.broker"))
stream = JStream("CONTRACTS", declare=False)
BACKOFF = [1.5, 4, 8]
MAX_ATTEMPTS = 4


def consumer(name):
    return {"durable": name, "stream": stream, "pull_sub": PullSub(batch_size=1, timeout=2), "max_workers": 5, "ack_policy": AckPolicy.MANUAL,
            "config": ConsumerConfig(ack_wait=20, max_deliver=10, max_ack_pending=200)}


class ExtractJob(BaseModel):
    job_id: str
    request_id: str
    contract_id: int


class ReviewJob(ExtractJob):
    review_id: int
    playbook: str


async def run(kind, job, msg, work):
    request_id.set(job.request_id)
    tp = msg.headers.get("traceparent")
    trace_id.set(tp.split("-")[1] if tp else None)
    meta = msg.raw_message.metadata
    seq, attempt = meta.sequence.stream, meta.num_delivered
    fields = {"job.id": job.job_id, "job.kind": kind, "job.attempt": attempt, "nats.stream": meta.stream, "nats.seq": seq}
    status = await db.one("select status from jobs where id = %s", job.job_id)
    if status and status[0] == "done":
        log.warning("job is done already, skipping", extra=fields)
        await msg.ack()
        return
    log.info("%s started", kind, extra=fields)
    started = time.perf_counter_ns()
    try:
        await db.write("jobs", "update jobs set status = 'running', updated_at = now() where id = %s", job.job_id)
        await work(job)
        await db.write("jobs", "update jobs set status = 'done', updated_at = now() where id = %s", job.job_id)
        log.info("%s finished", kind, extra={**fields, "event.outcome": "success", "event.duration": time.perf_counter_ns() - started})
        await msg.ack()
    except Exception as e:
        fatal = isinstance(e, openai.BadRequestError)
        if not fatal and attempt < MAX_ATTEMPTS:
            delay = BACKOFF[attempt - 1]
            log.warning("%s failed (%s), next attempt in %s s", kind, type(e).__name__, delay, extra={**fields, "event.outcome": "failure", "error.type": type(e).__name__})
            await msg.nack(delay=delay)
        else:
            log.error("%s failed for good after %d attempts, moved to failed_jobs", kind, attempt, exc_info=e, extra={**fields, "event.outcome": "failure"})
            await db.write("failed_jobs", "insert into failed_jobs (job_id, kind, reason) values (%s, %s, %s)", job.job_id, kind, type(e).__name__)
            await db.write("jobs", "update jobs set status = 'failed', updated_at = now() where id = %s", job.job_id)
            await msg.reject()


@broker.subscriber("contracts.extract", **consumer("extract"))
async def on_extract(job: ExtractJob, msg: NatsMessage):
    await run("extract", job, msg, extract)


@broker.subscriber("contracts.review", **consumer("review"))
async def on_review(job: ReviewJob, msg: NatsMessage):
    await run("review", job, msg, review)


async def extract(job):
    body, notify = await db.one("select body, notify from contracts where id = %s", job.contract_id)
    found = await models.extract(body)
    t = time.perf_counter_ns()
    await db.write_many("obligations", "insert into obligations (contract_id, party, duty, due) values (%s, %s, %s, %s)", [(job.contract_id, o.party, o.duty, o.due) for o in found.obligations])
    log.info("%d obligations stored", len(found.obligations), extra={"contract.id": job.contract_id, "event.duration": time.perf_counter_ns() - t})
    await db.write("contracts", "update contracts set status = 'extracted' where id = %s", job.contract_id)
    await jobs.configure_task("index_contract", queue="index").defer_async(contract_id=job.contract_id, request_id=job.request_id)
    if notify:
        await jobs.configure_task("send_digest", queue="mail").defer_async(contract_id=job.contract_id, obligations=len(found.obligations), request_id=job.request_id)


async def review(job):
    t = time.perf_counter_ns()
    r = await models.reviewer.run(f"Playbook {job.playbook}", deps=job.contract_id)
    u = r.usage
    log.info("agent finished", extra={"gen_ai.request.model": models.REVIEW_MODEL, "gen_ai.response.model": r.response.model_name, "gen_ai.response.id": r.response.provider_response_id, "gen_ai.usage.input_tokens": u.input_tokens,
                                      "gen_ai.usage.output_tokens": u.output_tokens, "agent.requests": u.requests, "agent.tool_calls": u.tool_calls, "prompt.version": "review@4", "event.duration": time.perf_counter_ns() - t})
    await db.write("reviews", "update reviews set status = 'done', verdict = %s, findings = %s where id = %s", r.output.verdict, len(r.output.findings), job.review_id)


app = FastStream(broker, logger=logging.getLogger("enrich.broker"))


@app.on_startup
async def up():
    await db.pool.open()
    await jobs.open_async()


@app.after_shutdown
async def down():
    await jobs.close_async()
    await db.pool.close()
