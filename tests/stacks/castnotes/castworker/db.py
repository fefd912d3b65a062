"""asyncpg, and a line for each write."""
import os
import re
import time

import asyncpg

from .logs import ns

pool = None
WRITE = re.compile(r"(insert into|update|delete from) (\w+)", re.I)


async def connect():
    global pool
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=10)


async def execute(con, sql, args):
    return await con.execute(sql, *args)


async def write(log, sql, *args):
    verb, table = WRITE.match(sql).groups()
    async with pool.acquire() as con:
        t = time.perf_counter()
        await execute(con, sql, args)
        log.info("%s %s", verb, table, extra={"db.table": table, "event.duration": ns(time.perf_counter() - t)})


async def row(sql, *args):
    async with pool.acquire() as con:
        return await con.fetchrow(sql, *args)
