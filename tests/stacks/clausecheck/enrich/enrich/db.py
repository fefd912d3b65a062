import os

from psycopg_pool import AsyncConnectionPool

pool = AsyncConnectionPool(os.environ["DATABASE_URL"], min_size=2, max_size=8, open=False, kwargs={"autocommit": True})


async def one(sql, *args):
    async with pool.connection() as c:
        return await (await c.execute(sql, args)).fetchone()


async def write(table, sql, *args):
    async with pool.connection() as c:
        await c.execute(sql, args)


async def write_many(table, sql, rows):
    async with pool.connection() as c, c.cursor() as cur:
        await cur.executemany(sql, rows)
