"""Two stand-in providers; the script of faults comes in a hidden header: 'A=429,ok;B=ok'."""
import asyncio, collections, json, random, secrets
from aiohttp import web
seen = collections.Counter()


def answer(fault_text, good):
    return {"A": good}


async def handle(request):
    which = request.app["which"]
    body = await request.json()
    key, script = request.headers.get("x-lab-key", ""), dict(p.split("=") for p in (request.headers.get("x-lab-fault") or "A=ok;B=ok").split(";") if "=" in p)
    steps = script.get(which, "ok").split(",")
    k = seen[(key, which)]
    seen[(key, which)] += 1
    step = steps[min(k, len(steps) - 1)]
    rid = ("req_" + secrets.token_hex(10)) if which == "A" else secrets.token_urlsafe(12)
    h = {"x-request-id": rid}
    await asyncio.sleep(random.lognormvariate(-1.6, .5) if step not in ("429", "500", "503") else .02)
    if step == "hang":
        await asyncio.sleep(4)
    if step == "slow":
        await asyncio.sleep(.75)
    if step in ("429", "500", "503", "400"):
        return web.json_response({"error": step}, status=int(step), headers=h)
    text = body["messages"][0]["content"]
    vendor = "Closed Books Ltd" if "closed" in text else "Cafe Central"
    good = json.dumps({"vendor": vendor, "total": round(random.uniform(3, 400), 2), "currency": "EUR"})
    out = {"badjson": "Sure! Here is the receipt:", "badshape": json.dumps({"vendor": vendor, "sum": "12"})}.get(step, good)
    ident = ("cmpl-" + secrets.token_hex(12)) if which == "A" else "msg_" + secrets.token_hex(9)
    return web.json_response({"id": ident, "text": out, "tokens": random.randint(80, 900)}, headers=h)


async def main():
    for which, port, path in (("A", 8631, "/v1/chat/completions"), ("B", 8632, "/v1/messages")):
        app = web.Application()
        app["which"] = which
        app.add_routes([web.post(path, handle)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()
asyncio.run(main())
