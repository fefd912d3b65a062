"""python -m guestnote.worker: takes jobs from Redis; failed ones come back after a pause, four runs in all."""
import asyncio
import json
import logging
import os
import signal
import time

from redis.asyncio import Redis
from taskiq import TaskiqMiddleware
from taskiq.api import run_receiver_task
from taskiq.kicker import AsyncKicker

from . import db, workerlog
from .broker import broker
from .ctx import job, skip
from . import tasks  # noqa: F401

workerlog.setup()
log = logging.getLogger("guestnote.worker")
PAUSE = [1.5, 3, 6]
redis = Redis.from_url(os.environ["REDIS_URL"])


class Jobs(TaskiqMiddleware):
    async def pre_execute(self, message):
        j = message.args[0]
        job.set(j)
        row = await db.one("select status, attempts from jobs where job_no = :n", n=j["job_no"])
        kind, attempt = message.task_name.split(":")[-1], int(message.labels.get("_retries", 0)) + 1
        skip.set(row["status"] == "done")
        if skip.get():
            log.warning("job is done already, skipping")
            return message
        tp = message.labels.get("traceparent")
        log.info("job started", extra={"kind": kind, "attempt": attempt, **({"trace_id": tp.split("-")[1]} if tp else {})})
        await db.write("update jobs set status = 'running', attempts = attempts + 1 where job_no = :n", {"n": j["job_no"]})
        return message

    async def post_execute(self, message, result):
        if skip.get() or result.is_err:
            return
        await db.write("update jobs set status = 'done', updated_at = now() where job_no = :n", {"n": job.get()["job_no"]})
        log.info("job finished", extra={"kind": message.task_name.split(":")[-1], "duration_ms": round(result.execution_time * 1000, 1)})

    async def on_error(self, message, result, exception):
        attempt = int(message.labels.get("_retries", 0)) + 1
        fatal = getattr(exception, "status_code", None) in (400, 401)
        if not fatal and attempt <= len(PAUSE):
            await self.again(message, attempt, exception)
        else:
            await self.give_up(message, attempt, exception)

    async def again(self, message, attempt, exception):
        pause = PAUSE[attempt - 1]
        log.warning("job failed, next attempt in %ss", pause, extra={"attempt": attempt, "error": type(exception).__name__})
        labels = message.labels | {"_retries": attempt}
        await redis.zadd("guestnote:delayed", {json.dumps([message.task_name, message.task_id, labels, message.args]): time.time() + pause})

    async def give_up(self, message, attempt, exception):
        n = job.get()["job_no"]
        log.error("job failed for good after %d attempts", attempt, extra={"attempt": attempt, "error": type(exception).__name__})
        await db.write("insert into dead_jobs (job_no, reason) values (:n, :r)", {"n": n, "r": type(exception).__name__})
        await db.write("update jobs set status = 'failed', updated_at = now() where job_no = :n", {"n": n})


async def delayed():
    while True:
        for raw in await redis.zrangebyscore("guestnote:delayed", 0, time.time()):
            if await redis.zrem("guestnote:delayed", raw):
                name, task_id, labels, args = json.loads(raw)
                await AsyncKicker(name, broker, labels).with_task_id(task_id).kiq(*args)
        await asyncio.sleep(.25)


async def beat():
    while True:
        await asyncio.sleep(15)
        log.info("heartbeat", extra={"stream_length": await redis.xlen("guestnote"), "delayed": await redis.zcard("guestnote:delayed")})


async def main():
    broker.with_middlewares(Jobs())
    await broker.startup()
    side = [asyncio.create_task(delayed()), asyncio.create_task(beat())]
    receiver = asyncio.create_task(run_receiver_task(broker, max_async_tasks=6, max_prefetch=1))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    log.info("worker up", extra={"worker_pid": os.getpid()})
    await stop.wait()
    log.info("worker stops")
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
