import asyncio, json, logging
import aiohttp
from arq import Retry, cron, run_worker
from arq.connections import RedisSettings
from pydantic import BaseModel, ValidationError
from . import gwclient, logs, store

log = logging.getLogger("ledgerly.worker")
MAX_TRIES = 3


class Extraction(BaseModel):
    vendor: str
    total: float
    currency: str


async def give_up(ctx, receipt, reason):
    await asyncio.to_thread(store.write, "failed_jobs", "insert into failed_jobs(job, reason) values (?,?)", (ctx["job_id"], reason))
    log.error("giving up, job moved to failed_jobs", extra={"job": ctx["job_id"], "receipt": receipt, "reason": reason, "try": ctx["job_try"]})


async def extract_receipt(ctx, receipt):
    job, n = ctx["job_id"], ctx["job_try"]
    log.info("extraction started", extra={"job": job, "receipt": receipt, "try": n})
    row = await asyncio.to_thread(store.read, "select raw from receipts where id=?", (receipt,))
    text, found = row["raw"], None
    try:
        for ask in (1, 2):
            r = await gwclient.complete(ctx["http"], "receipt-extract", "v7", text, {"X-Job-Id": job})
            log.info("model answered", extra={"job": job, "model": r["model"], "tokens": r["tokens"], "ask": ask})
            try:
                found = Extraction.model_validate_json(r["output"])
                break
            except ValidationError as e:
                log.warning("answer does not match schema", extra={"job": job, "ask": ask, "errors": e.error_count()})
        reason = "schema"
    except gwclient.GatewayError as e:
        reason = e.code
        if e.status == 422:
            await give_up(ctx, receipt, reason)
            raise
    if found is None:
        if n >= MAX_TRIES:
            await give_up(ctx, receipt, reason)
            raise RuntimeError(f"receipt {receipt}: {reason}")
        log.warning("will try again", extra={"job": job, "reason": reason, "delay_s": n * 1.5})
        raise Retry(defer=n * 1.5)
    await asyncio.to_thread(store.save_receipt, receipt, found.total)
    nxt = await ctx["redis"].enqueue_job("post_to_ledger", receipt, found.vendor)
    log.info("extraction done", extra={"job": job, "next_job": nxt.job_id})
    return "done"


async def post_to_ledger(ctx, receipt, vendor):
    job = ctx["job_id"]
    if vendor == "Closed Books Ltd":
        if ctx["job_try"] >= 2:
            await give_up(ctx, receipt, "period closed")
            raise RuntimeError("period closed")
        log.warning("ledger refused the entry", extra={"job": job, "reason": "period closed"})
        raise Retry(defer=1)
    await asyncio.sleep(.03)
    await asyncio.to_thread(store.write, "entries", "insert into entries(receipt, account) values (?,?)", (receipt, "4400"))
    log.info("posted to ledger", extra={"job": job, "account": 4400})


async def purge_drafts(ctx):
    log.info("purged 0 drafts")


async def startup(ctx):
    ctx["http"] = aiohttp.ClientSession()


class WorkerSettings:
    functions = [extract_receipt, post_to_ledger]
    cron_jobs = [cron(purge_drafts, second={0, 30})]
    redis_settings = RedisSettings(port=6399)
    on_startup = startup
    max_jobs = 5
    max_tries = 5
    job_timeout = 12
    poll_delay = .2
    health_check_interval = 30


def main():
    logs.setup(logs.WorkerFormatter())
    run_worker(WorkerSettings)
