"""Stand-ins: A speaks OpenAI (8841), B Anthropic (8842), W the push service (8843). Script of faults in a hidden header: 'A=429,ok;B=ok;E=..;W=..;I=bad'."""
import asyncio, json, random, secrets
from aiohttp import web
from .faults import step_of
tok = lambda n: secrets.token_urlsafe(n).replace("-", "A").replace("_", "b")
FOODS = "flour butter milk egg sugar rice lentils tomato onion basil yeast salt olive_oil chickpeas tahini saffron".split()


async def handle(request):
    which = request.app["which"]
    body = await request.json()
    if request.path.endswith("embeddings"):
        which = "E"
    _, script, step = step_of(request, which)
    if which == "W":
        await asyncio.sleep(random.uniform(.02, .15))
        return web.json_response({}, status=200 if step == "ok" else int(step))
    h = {"request-id": "req_011C" + tok(15)} if which == "B" else {"x-request-id": "req_" + secrets.token_hex(16)}
    await asyncio.sleep((random.lognormvariate(-.9, .5) if which != "E" else random.uniform(.04, .2)) if not step.isdigit() else random.uniform(.01, .08))
    if step == "hang":
        await asyncio.sleep(7)
    if step == "slow":
        await asyncio.sleep(2.2)
    if step.isdigit():
        return web.json_response({"error": {"type": {"429": "rate_limit_error", "400": "invalid_request_error", "529": "overloaded_error"}.get(step, "server_error"), "message": "status " + step}}, status=int(step), headers=h)
    tin, tout = random.randint(300, 2400), random.randint(60, 700)
    if which == "E":
        return web.json_response({"object": "list", "model": body["model"], "data": [{"index": 0, "embedding": [.1, .2]}], "usage": {"prompt_tokens": tin, "total_tokens": tin}}, headers=h)
    foods = random.sample(FOODS, random.randint(3, 6)) + (["phantom_starch"] if script.get("I") == "bad" else [])
    text = body["messages"][-1]["content"] or ""
    good = json.dumps({"title": "Lentil bake", "servings": 4, "ingredients": foods, "steps": ["Mix.", "Bake."]})
    out = {"prose": "Here is the recipe you asked for:", "shape": json.dumps({"title": "Lentil bake", "servings": "four", "ingredients": "see above"})}.get(step, good)
    cid = "chatcmpl-" + tok(21)
    if which == "A" and body.get("stream"):
        r = web.StreamResponse(headers={**h, "content-type": "text/event-stream", "x-lab-cid": cid})
        await r.prepare(request)
        n = random.randint(12, 30)
        for i in range(n):
            await asyncio.sleep(random.uniform(.02, .1) * (2.5 if script.get("L") else 1))
            if script.get("X") and i == 7:
                request.transport.abort(); return r
            await r.write(("data: " + json.dumps({"id": cid, "object": "chat.completion.chunk", "created": 1, "model": body["model"], "choices": [{"index": 0, "delta": {"content": "stir "}, "finish_reason": "stop" if i == n - 1 else None}]}) + "\n\n").encode())
        await r.write(b"data: [DONE]\n\n")
        return r
    if which == "A":
        calls = None
        if body.get("tools") and random.random() < .75:
            calls = [{"id": "call_" + tok(18), "type": "function", "function": {"name": "nutrition_lookup", "arguments": json.dumps({"name": f})}} for f in random.sample(FOODS, random.randint(1, 3))]
        return web.json_response({"id": cid, "object": "chat.completion", "created": 1, "model": body["model"] + "-2024-07-18",
            "choices": [{"index": 0, "finish_reason": "tool_calls" if calls else "stop", "message": {"role": "assistant", "content": None if calls else out, **({"tool_calls": calls} if calls else {})}}],
            "usage": {"prompt_tokens": tin, "completion_tokens": tout, "total_tokens": tin + tout}}, headers=h)
    return web.json_response({"id": "msg_01" + tok(16), "type": "message", "role": "assistant", "model": "claude-3-5-haiku-20241022", "content": [{"type": "text", "text": out}],
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": tin, "output_tokens": tout}}, headers=h)


async def main():
    for which, port in (("A", 8841), ("B", 8842), ("W", 8843)):
        app = web.Application()
        app["which"] = which
        app.add_routes([web.post("/{any:.*}", handle)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()
asyncio.run(main())
