"""Two stand-in providers and the customers' webhook; the script of faults comes in a hidden header: 'A=429,ok;B=ok;W=ok'."""
import asyncio, json, random, secrets
from aiohttp import web
from .faults import step_of


async def handle(request):
    which = request.app["which"]
    body = await request.json()
    _, _, step = step_of(request, which)
    if which == "W":
        await asyncio.sleep(random.uniform(.02, .15))
        return web.json_response({}, status=200 if step == "ok" else int(step))
    h = {"x-request-id": "req_" + secrets.token_hex(16)} if which == "A" else {"request-id": "req_011C" + secrets.token_urlsafe(15).replace("-", "x").replace("_", "y")}
    await asyncio.sleep(random.lognormvariate(-1.3, .5) if not step.isdigit() else random.uniform(.01, .06))
    if step == "hang":
        await asyncio.sleep(5)
    if step == "slow":
        await asyncio.sleep(.8)
    if step.isdigit():
        return web.json_response({"error": {"type": "error_" + step}}, status=int(step), headers=h)
    good = json.dumps({"risk": random.randint(1, 5), "clauses": ["term of 24 months", "liability capped", "notice of 3 months"][:random.randint(2, 3)], "summary": "The contract runs for two years and renews."})
    out = {"prose": "Here is my review of the contract you sent me:", "shape": json.dumps({"risk": "high", "clauses": "none"})}.get(step, good)
    tin, tout = random.randint(300, 4000), random.randint(60, 700)
    if which == "A":
        return web.json_response({"id": "chatcmpl-" + secrets.token_urlsafe(21).replace("-", "A").replace("_", "b"), "object": "chat.completion", "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop" if random.random() > .06 else "length", "message": {"role": "assistant", "content": out}}], "usage": {"prompt_tokens": tin, "completion_tokens": tout}}, headers=h)
    return web.json_response({"id": "msg_01" + secrets.token_urlsafe(16).replace("-", "A").replace("_", "b"), "type": "message", "model": body["model"], "content": [{"type": "text", "text": out}],
        "stop_reason": "end_turn", "usage": {"input_tokens": tin, "output_tokens": tout}}, headers=h)


async def main():
    for which, port, path in (("A", 8731, "/v1/chat/completions"), ("B", 8732, "/v1/messages"), ("W", 8733, "/{any:.*}")):
        app = web.Application()
        app["which"] = which
        app.add_routes([web.post(path, handle)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()
asyncio.run(main())
