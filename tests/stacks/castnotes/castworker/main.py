"""Six jobs at a time."""
import asyncio
import collections
import logging
import signal
import time

from . import db, jobs, logs, queue

SLOTS = 6
logger = logging.getLogger("castworker")


async def main():
    logs.setup()
    await db.connect()
    await queue.prepare()
    running, stop, count = {}, asyncio.Event(), collections.Counter()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    logger.info("worker up, consumer %s, %d slots", queue.NAME, SLOTS)

    async def one(job):
        try:
            count[(await jobs.run(job))[0]] += 1
        finally:
            running.pop(asyncio.current_task())

    async def upkeep():
        last = time.monotonic()
        while True:
            await asyncio.sleep(.25)
            await queue.move_due()
            if time.monotonic() - last > 20:
                last = time.monotonic()
                logger.info("worker stats", extra={"running": len(running), "totals": dict(count)})

    async def heartbeat():
        while True:
            await asyncio.sleep(2)
            if running:
                await queue.still_here([j["entry"] for j in running.values()])

    beside = [asyncio.create_task(upkeep()), asyncio.create_task(heartbeat())]
    while not stop.is_set():
        free = SLOTS - len(running)
        if not free:
            await asyncio.sleep(.05)
            continue
        for job in await queue.claim_stale(free) or await queue.take(min(free, 2)):
            running[asyncio.create_task(one(job))] = job
    if running:
        await asyncio.wait(list(running))
    for b in beside:
        b.cancel()
    logger.info("worker stopped")


if __name__ == "__main__":
    asyncio.run(main())
