import os

from taskiq_redis import RedisStreamBroker

broker = RedisStreamBroker(os.environ["REDIS_URL"], queue_name="guestnote", idle_timeout=16000, unacknowledged_lock_timeout=5, xread_block=1000, xread_count=4)
