"""asyncpg. Writes are logged with their table and duration; each side brings its logging function."""
import os
import re
import time

import asyncpg

pool = None
told = None                                     # told(table, verb, rows, ms), set by the API and the worker
WRITE = re.compile(r"(insert|update|delete)(?: into| from)? (\w+)", re.I)


async def connect(on_write):
    global pool, told
    told = on_write
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=12)


async def run(con, sql, args, many=False):
    if many:
        await con.executemany(sql, args)
        return len(args)
    if "returning" in sql:
        return await con.fetchval(sql, *args)
    return int((await con.execute(sql, *args)).split()[-1])


async def write(sql, *args):
    m = WRITE.match(sql)
    async with pool.acquire() as con:
        t = time.perf_counter()
        r = await run(con, sql, args)
        told(m[2], m[1].lower(), 1 if "returning" in sql else r, (time.perf_counter() - t) * 1000)
        return r


async def write_many(sql, rows):
    m = WRITE.match(sql)
    async with pool.acquire() as con:
        t = time.perf_counter()
        r = await run(con, sql, rows, many=True)
        told(m[2], m[1].lower(), r, (time.perf_counter() - t) * 1000)


async def quietly(sql, *args):
    """For rows nobody ever had a question about."""
    async with pool.acquire() as con:
        return await run(con, sql, args)


async def one(sql, *args):
    async with pool.acquire() as con:
        return await con.fetchrow(sql, *args)
