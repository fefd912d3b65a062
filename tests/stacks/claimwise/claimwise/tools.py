"""What the agent may call."""
import asyncio
import json
import logging
import random
import time

from . import db

log = logging.getLogger("claims.tools")
SPEC = {"policy_lookup": {"type": "object", "properties": {"policy": {"type": "string"}}}, "similar_claims": {"type": "object", "properties": {"category": {"type": "string"}}}}


async def run(name, args, call_id):
    t = time.monotonic()
    log.info("tool call", extra={"tool": name, "tool_call_id": call_id})
    await db.one("select count(*) as n from claims where state = 'open'")
    await asyncio.sleep(random.uniform(.03, .3))
    log.info("tool result", extra={"tool": name, "tool_call_id": call_id, "took_ms": round((time.monotonic() - t) * 1000)})
    return json.dumps({"n": 3})
