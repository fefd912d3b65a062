"""SQLAlchemy engine; writes are logged with rows and time."""
import logging
import os
import re
import time

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine

log = logging.getLogger("guestnote.db")
engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=8, max_overflow=8)
WRITE = re.compile(r"(insert into|update|delete from) (\w+)", re.I)


@event.listens_for(engine.sync_engine, "before_cursor_execute")
def before(conn, cursor, statement, parameters, context, executemany):
    context.started = time.perf_counter()


@event.listens_for(engine.sync_engine, "after_cursor_execute")
def after(conn, cursor, statement, parameters, context, executemany):
    if m := WRITE.match(statement):
        log.info("%s %s", m[1].lower(), m[2], extra={"table": m[2], "rows": cursor.rowcount, "duration_ms": round((time.perf_counter() - context.started) * 1000, 2)})


async def write(sql, params=None):
    async with engine.begin() as c:
        r = await c.execute(text(sql), params or {})
        return r.scalar() if r.returns_rows else None


async def one(sql, **params):
    async with engine.connect() as c:
        return (await c.execute(text(sql), params)).mappings().first()
