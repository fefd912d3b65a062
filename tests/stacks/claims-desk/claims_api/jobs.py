"""Puts jobs into pg-boss' table, as its manual describes for other languages."""
import json
import time
import uuid

import structlog
from django.db import connection

from lab import side

log = structlog.get_logger("claims.jobs")


def enqueue(queue, data):
    job_id = str(uuid.uuid4())
    payload = {**data, "_side": {"o": side.KEY.get(), "p": side.PARENT.get(), "plan": side.PLAN.get()}}
    side.emit("publish", o=side.KEY.get(), job=job_id, queue=queue, parent=side.PARENT.get(), at=time.time_ns())
    with connection.cursor() as c:
        c.execute("""insert into pgboss.job (id, name, data, dead_letter, retry_limit, retry_delay, retry_backoff, expire_in, policy)
                     select %s, name, %s::jsonb, 'dead-letter', 2, 1, true, interval '15 s', policy from pgboss.queue where name = %s""",
                  [job_id, json.dumps(payload), queue])
    side.ids("task:" + job_id)
    log.info("job_enqueued", queue=queue, job_id=job_id)
    return job_id
