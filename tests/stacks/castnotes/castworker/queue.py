"""A Redis stream with a consumer group. Failed jobs go to a sorted set until they are due; entries of dead consumers are claimed by whoever looks first."""
import json
import os
import time

import redis.asyncio as redis
from redis.exceptions import ResponseError

STREAM, GROUP, LATER = "castnotes:jobs", "workers", "castnotes:later"
NAME = f"{os.environ.get('WORKER_NAME', 'worker')}-{os.getpid()}"
MAX_ATTEMPTS, RETRY_S, STALE_MS = 4, 2, 8000
r = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


async def prepare():
    try:
        await r.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except ResponseError as e:
        if "BUSYGROUP" not in str(e):
            raise


async def entry_to_job(entry, fields, claimed=False):
    return {"entry": entry, "id": fields["job"], "kind": fields["kind"], "payload": json.loads(fields["payload"]), "sent": int(fields["sent"]), "claimed": claimed,
            "attempt": await r.hincrby("job:" + fields["job"], "attempts", 1)}


async def take(n):
    got = await r.xreadgroup(GROUP, NAME, {STREAM: ">"}, count=n, block=500)
    return [await entry_to_job(e, f) for _, entries in got or [] for e, f in entries]


async def claim_stale(n):
    _, entries, *_ = await r.xautoclaim(STREAM, GROUP, NAME, STALE_MS, "0", count=n)
    return [await entry_to_job(e, f, True) for e, f in entries]


async def still_here(entries):
    await r.xclaim(STREAM, GROUP, NAME, 0, entries, idle=0, justid=True)


async def ack(job, state):
    await r.hset("job:" + job["id"], "state", state)
    await r.xack(STREAM, GROUP, job["entry"])


async def later(job):
    await r.zadd(LATER, {json.dumps({"job": job["id"], "kind": job["kind"], "payload": json.dumps(job["payload"])}): time.time() + RETRY_S})
    await ack(job, "retrying")


async def move_due():
    for m in await r.zrangebyscore(LATER, 0, time.time()):
        if await r.zrem(LATER, m):
            await r.xadd(STREAM, {**json.loads(m), "sent": int(time.time() * 1000)})


async def put(job_id, kind, payload):
    await r.hset("job:" + job_id, mapping={"kind": kind, "state": "queued"})
    await r.xadd(STREAM, {"job": job_id, "kind": kind, "payload": json.dumps(payload), "sent": int(time.time() * 1000)})


async def is_done(job):
    return await r.hget("job:" + job["id"], "state") == "done"
