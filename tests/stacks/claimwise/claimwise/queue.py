"""The queue in Redis that API and workers share."""
import os

from redis import asyncio as aioredis
from saq.queue.redis import RedisQueue


class Claims(RedisQueue):
    async def sweep(self, lock=60, abort=1.0):
        # a worker that died does not answer to aborts, so do not wait five seconds for each of its jobs
        return await super().sweep(lock, abort)


queue = Claims(aioredis.from_url(os.environ["REDIS_URL"]), name="claims")
# timeout: longer than any honest job; retries counts runs
POLICY = {"timeout": 10, "retries": 4, "retry_delay": 2.0, "ttl": 900}
