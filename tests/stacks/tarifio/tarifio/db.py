"""asyncpg. Every write says how long it took."""
import os
import re
import time

import asyncpg
from loguru import logger

pool = None
WRITE = re.compile(r"(insert into|update|delete from) (\w+)", re.I)


async def connect():
    global pool
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=12)


async def execute(con, sql, args):
    return await con.fetchval(sql, *args)


async def write(sql, *args):
    verb, table = WRITE.match(sql).groups()
    async with pool.acquire() as con:
        t = time.perf_counter()
        r = await execute(con, sql, args)
        logger.info("{} {}", verb, table, table=table, query_ms=round((time.perf_counter() - t) * 1000, 2))
        return r


async def write_silently(sql, *args):
    async with pool.acquire() as con:
        return await execute(con, sql, args)


async def row(sql, *args):
    async with pool.acquire() as con:
        return await con.fetchrow(sql, *args)
