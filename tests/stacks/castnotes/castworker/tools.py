"""What the research agent may call."""
import asyncio
import random

from . import db

DEFS = [{"name": "search_archive", "description": "Search older episodes", "parameters": {"type": "object", "properties": {"query": {"type": "string"}}}},
        {"name": "guest_bio", "description": "What we know of a guest", "parameters": {"type": "object", "properties": {"guest": {"type": "string"}}}}]


async def run(name, args, call_id):
    r = await db.row("select count(*) as n from chapters where title = $1", args.get("query", ""))
    await asyncio.sleep(.04 + random.random() * .24)
    return {"found": r["n"]}
