"""Our queue is a table; the workers take rows with FOR UPDATE SKIP LOCKED."""
import json
import time

from loguru import logger

from . import db


async def put(kind, payload):
    async with db.pool.acquire() as con:
        return await con.fetchval("insert into queue_jobs (kind, payload) values ($1, $2) returning id", kind, json.dumps(payload))


async def enqueue(kind, **payload):
    t = time.perf_counter()
    job_id = await put(kind, payload)
    logger.info("queued {}", kind, job_id=job_id, job_kind=kind, query_ms=round((time.perf_counter() - t) * 1000, 2))
    return job_id
