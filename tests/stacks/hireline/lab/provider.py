"""Stand-ins: A and B speak OpenAI (9101, 9102), W the CRM (9103). Script of faults in a hidden header: 'A=429,ok;B=ok;E=..;W=..;L=1;X=1'."""
import asyncio, json, random, secrets
from aiohttp import web
from .faults import step_of
from .side import emit
tok = lambda n: secrets.token_urlsafe(n).replace("-", "A").replace("_", "b")
SKILLS = "python java sales nursing welding excel sql figma spanish logistics".split()


async def handle(request):
    which = request.app["which"]
    body = await request.json()
    if request.path.endswith("embeddings"):
        which = "E"
    key, script, step = step_of(request, which)
    if which == "W":
        await asyncio.sleep(random.uniform(.02, .15))
        return web.json_response({}, status=200 if step == "ok" else int(step))
    h = {"x-request-id": ("req_" if which in "AE" else "mis-") + secrets.token_hex(16)}
    await asyncio.sleep((random.lognormvariate(-.7, .5) if which != "E" else random.uniform(.04, .2)) if not step.isdigit() else random.uniform(.01, .08))
    if step == "hang":
        await asyncio.sleep(7)
    if step == "slow":
        await asyncio.sleep(1.7)
    if step.isdigit():
        return web.json_response({"error": {"type": {"429": "rate_limit_error", "400": "invalid_request_error"}.get(step, "server_error"), "message": "status " + step}}, status=int(step), headers=h)
    tin, tout = random.randint(300, 2400), random.randint(60, 700)
    if which == "E":
        return web.json_response({"object": "list", "model": body["model"], "data": [{"index": 0, "embedding": [.1, .2]}], "usage": {"prompt_tokens": tin, "total_tokens": tin}}, headers=h)
    text = body["messages"][0]["content"]
    good = {"name": "Ada", "years": 7, "skills": random.sample(SKILLS, 3)} if text.startswith("Extract") else {"score": random.randint(1, 99), "reasons": ["fits"]}
    out = {"prose": "Sure, here it is:", "shape": json.dumps({"name": "Ada", "years": "seven or so", "score": "high"})}.get(step) or json.dumps(good)
    if step in ("prose", "shape"):
        emit("bad_schema", key=key, gw=request.headers.get("x-lab-parent"))
    cid = "chatcmpl-" + tok(21) if which == "A" else secrets.token_hex(16)
    h["x-lab-cid"] = cid
    if body.get("stream"):
        r = web.StreamResponse(headers={**h, "content-type": "text/event-stream"})
        await r.prepare(request)
        n = random.randint(12, 30)
        for i in range(n):
            await asyncio.sleep(random.uniform(.02, .1) * (2.5 if script.get("L") else 1))
            if script.get("X") and i == 7:
                request.transport.abort(); return r
            await r.write(("data: " + json.dumps({"id": cid, "object": "chat.completion.chunk", "created": 1, "model": body["model"], "choices": [{"index": 0, "delta": {"content": "dear "}, "finish_reason": "stop" if i == n - 1 else None}]}) + "\n\n").encode())
        await r.write(b"data: [DONE]\n\n")
        return r
    calls = None
    if body.get("tools") and len(body["messages"]) < 5 and random.random() < (.85 if len(body["messages"]) == 1 else .2):
        calls = [{"id": "call_" + tok(18), "type": "function", "function": {"name": "search_candidates", "arguments": json.dumps({"skill": f})}} for f in random.sample(SKILLS, random.randint(1, 3))]
        for c in calls:
            emit("tool_id", key=key, gw=request.headers.get("x-lab-parent"), id=c["id"])
    return web.json_response({"id": cid, "object": "chat.completion", "created": 1, "model": body["model"] + ("-2025-04-14" if which == "A" else ""),
        "choices": [{"index": 0, "finish_reason": "tool_calls" if calls else "stop", "message": {"role": "assistant", "content": None if calls else out, **({"tool_calls": calls} if calls else {})}}],
        "usage": {"prompt_tokens": tin, "completion_tokens": tout, "total_tokens": tin + tout}}, headers=h)


async def main():
    for which, port in (("A", 9101), ("B", 9102), ("W", 9103)):
        app = web.Application()
        app["which"] = which
        app.add_routes([web.post("/{any:.*}", handle)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()
asyncio.run(main())
