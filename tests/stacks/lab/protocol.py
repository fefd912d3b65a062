"""Stand-ins of model providers without logs: A speaks OpenAI, B Anthropic, W is whoever takes a call at the end. Faults come in a hidden header (`faults.py`). What is
answered is the play's: `content(system, step)`, and `tool_calls(body, step, turn)` or nothing."""
import asyncio
import json
import random
import secrets

from aiohttp import web

from .faults import step_of
from .side import emit

tok = lambda n: secrets.token_urlsafe(n).replace("-", "A").replace("_", "b")
ERR = {"429": "rate_limit_error", "400": "invalid_request_error", "503": "overloaded_error"}


async def handle(request):
    which, body = request.app["which"], await request.json()
    embed = request.path.endswith("embeddings")
    which = "E" if embed else which
    key, script, step = step_of(request, which)
    if which == "W":
        await asyncio.sleep(random.uniform(.02, .15))
        return web.json_response({}, status=200 if step == "ok" else int(step))
    oa = which in "AE"
    h = {"x-request-id" if oa else "request-id": ("req_" + secrets.token_hex(16)) if oa else ("req_011C" + tok(15)[:20])}
    await asyncio.sleep(random.uniform(.01, .08) if step.isdigit() else random.uniform(.04, .2) if embed else random.lognormvariate(-.6, .5))
    if step == "hang":
        await asyncio.sleep(9)
    if step == "slow":
        await asyncio.sleep(2.2)
    if step.isdigit():
        if step == "429":
            h["retry-after"] = "1"
        e = {"type": ERR.get(step, "api_error"), "message": "status " + step}
        return web.json_response({"error": e} if oa else {"type": "error", "error": e}, status=int(step), headers=h)
    tin, tout = random.randint(400, 5200), random.randint(40, 900)
    if embed:
        return web.json_response({"object": "list", "model": body["model"], "data": [{"object": "embedding", "index": i, "embedding": [.1, .2, .3]} for i, _ in enumerate(body["input"])], "usage": {"prompt_tokens": tin, "total_tokens": tin}}, headers=h)
    if step == "shape":
        emit("bad_schema", key=key, parent=request.headers.get("x-lab-parent"))
    system = body.get("system") or body["messages"][0]["content"]
    system = system if isinstance(system, str) else system[0]["text"]
    turn = sum(m["role"] == "assistant" for m in body["messages"])
    cid = ("chatcmpl-" if oa else "msg_01") + tok(22)[:26]
    h["x-lab-cid"] = cid
    if body.get("stream"):
        return await stream(request, body, oa, cid, h, script, tin, tout)
    calls = request.app["tool_calls"](body, step, turn)
    text = None if calls else request.app["content"](system, step)
    if oa:
        tc = [{"id": "call_" + tok(18)[:24], "type": "function", "function": {"name": n, "arguments": json.dumps(a)}} for n, a in calls or []]
        return web.json_response({"id": cid, "object": "chat.completion", "created": 1785000000, "model": body["model"] + "-2025-04-14", "choices": [{"index": 0, "finish_reason": "tool_calls" if tc else "stop", "logprobs": None,
            "message": {"role": "assistant", "content": text, **({"tool_calls": tc} if tc else {})}}], "usage": {"prompt_tokens": tin, "completion_tokens": tout, "total_tokens": tin + tout}}, headers=h)
    blocks = [{"type": "tool_use", "id": "toolu_01" + tok(18)[:22], "name": n, "input": a} for n, a in calls] if calls else [{"type": "text", "text": text}]
    return web.json_response({"id": cid, "type": "message", "role": "assistant", "model": body["model"] + "-20250929", "content": blocks, "stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None, "usage": {"input_tokens": tin, "output_tokens": tout}}, headers=h)


async def stream(request, body, oa, cid, h, script, tin, tout):
    r = web.StreamResponse(headers={**h, "content-type": "text/event-stream"})
    await r.prepare(request)

    async def send(o):
        await r.write(((f"event: {o['type']}\n" if not oa else "") + "data: " + json.dumps(o) + "\n\n").encode())
    n = random.randint(12, 30)
    chunk = lambda delta, fin=None: {"id": cid, "object": "chat.completion.chunk", "created": 1785000000, "model": body["model"], "choices": [{"index": 0, "delta": delta, "finish_reason": fin}]}
    try:
        if not oa:
            await send({"type": "message_start", "message": {"id": cid, "type": "message", "role": "assistant", "model": body["model"], "content": [], "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": tin, "output_tokens": 1}}})
            await send({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        for i in range(n):
            await asyncio.sleep(random.uniform(.02, .1) * (2.5 if script.get("L") else 1))
            if script.get("X") and i == 7:
                request.transport.abort()
                return r
            await send(chunk({"role": "assistant", "content": "shall "} if not i else {"content": "shall "}) if oa else {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "shall "}})
        if oa:
            await send(chunk({}, "stop"))
            await send({**chunk({}), "choices": [], "usage": {"prompt_tokens": tin, "completion_tokens": tout, "total_tokens": tin + tout}})
            await r.write(b"data: [DONE]\n\n")
        else:
            await send({"type": "content_block_stop", "index": 0})
            await send({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": tout}})
            await send({"type": "message_stop"})
    except ConnectionError:
        pass
    return r


async def serve(ports, content, tool_calls):
    """One server a stand-in, until the process ends."""
    for which, port in ports.items():
        app = web.Application(client_max_size=2**24)
        app["which"], app["content"], app["tool_calls"] = which, content, tool_calls
        app.add_routes([web.post("/{any:.*}", handle)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()
