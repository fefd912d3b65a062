"""The one tool of the assistant: finds passages."""
import asyncio, time
import structlog
from . import store

log = structlog.get_logger("clauselight.search")


async def search_clauses(question):
    t = time.perf_counter()
    rows = await asyncio.to_thread(store.read, "select text from clauses where text ilike %s order by id desc limit 5", (f"%{question.split()[-1].strip('?')}%",))
    await asyncio.sleep(.03)
    log.info("tool search_clauses finished", hits=len(rows), took_ms=round((time.perf_counter() - t) * 1000))
    return rows
