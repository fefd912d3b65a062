import asyncio, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
SECONDS = float(sys.argv[1])
random.seed(11)
#          name            n  route      A                B
PLAN = [l.split() for l in """
    rec_ok                50  receipts   ok               ok
    rec_429               12  receipts   429,ok           ok
    rec_500                6  receipts   500,503,ok       ok
    rec_hang               4  receipts   hang,ok          ok
    rec_fallback           8  receipts   500              ok
    rec_reask             10  receipts   badshape,ok      ok
    rec_schema_task        5  receipts   badjson,badshape,ok  ok
    rec_schema_dead        3  receipts   badjson          ok
    rec_down_task          5  receipts   503,503,503,ok   500
    rec_dead               4  receipts   500              503
    rec_filter             4  receipts   400              ok
    rec_closed             4  receipts   ok               ok
    rec_crash              6  receipts   slow             ok
    rec_invalid            5  receipts   ok               ok
    chat_ok               45  chat       ok               ok
    chat_429              12  chat       429,ok           ok
    chat_500               6  chat       500,ok           ok
    chat_fallback          8  chat       503              ok
    chat_hang              4  chat       hang,hang,hang   ok
    chat_timeout           4  chat       hang             hang
    chat_down              4  chat       500              500
    chat_filter            4  chat       400              ok
    chat_leave            10  chat       slow             ok
    chat_invalid           4  chat       ok               ok
    cat_ok                14  categorize ok               ok
    cat_429                6  categorize 429,ok           ok
    cat_fallback           4  categorize 500              429,ok
    poll                  40  poll       ok               ok
    read                  16  read       ok               ok
    read_404               4  read       ok               ok
    read_bug               3  read       ok               ok
    health                10  health     ok               ok
    edge_403               6  edge       ok               ok
""".strip().splitlines()]
jobs, receipts, kiosk = [], [], []


async def one(s, name, route, a, b):
    key = secrets.token_hex(6)
    h = {"Host": "ledgerly.example", "X-Lab-Key": key, "X-Lab-Fault": f"A={a};B={b}"}
    method, body = "GET", None
    if route == "receipts":
        method, path = "POST", "/receipts"
        body = {"vendor": "Kiosk" if name == "kiosk" else "Cafe", "text": "" if name == "rec_invalid" else "closed" if name == "rec_closed" else "2x espresso 5.20"}
    elif route == "chat":
        method, path, body = "POST", "/chat", {"question": "" if name == "chat_invalid" else "how much VAT did we pay in March?"}
    elif route == "categorize":
        method, path, body = "POST", "/categorize", {"vendors": ["Cafe Central", "Shell"]}
    elif route == "poll":
        path = "/jobs/" + (random.choice(jobs[-20:]) if jobs else secrets.token_hex(16))
    elif route == "read":
        path = "/receipts/" + str(99999 if name == "read_404" else kiosk[0] if name == "read_bug" and kiosk else random.choice(receipts[-20:]) if receipts else 99998)
    elif route == "health":
        path = "/healthz"
    else:
        path = random.choice(["/wp-login.php", "/.env"])
    t, status, aborted = time.time_ns(), None, False
    async def go():
        async with s.request(method, "http://127.0.0.1:8600" + path, json=body, headers=h) as r:
            return r.status, await r.read()
    try:
        if name == "chat_leave":
            status, raw = await asyncio.wait_for(go(), random.uniform(.25, .7))
        else:
            status, raw = await go()
        if status == 202:
            d = json.loads(raw)
            jobs.append(d["job"]); (kiosk if name == "kiosk" else receipts).append(d["receipt"])
    except asyncio.TimeoutError:
        aborted = True
    emit("client", key=key, scenario=name, name=f"{method} {path}", start=t, end=time.time_ns(), status=status, aborted=aborted)


async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200), timeout=aiohttp.ClientTimeout(total=40)) as s:
        plan = [(0.2, ("kiosk", "receipts", "ok", "ok"))]
        for name, n, *rest in PLAN:
            for _ in range(int(n)):
                at = random.uniform(.02, .97) * SECONDS
                if name == "rec_crash":
                    at = .4 * SECONDS + random.uniform(0, .25)
                elif rest[0] in ("receipts", "chat", "categorize") and random.random() < .35:
                    at = random.choice([.2, .38, .7]) * SECONDS + random.uniform(0, 1.5)
                plan.append((at, (name, *rest)))
        t0, ts, killed = time.monotonic(), [], False
        for at, args in sorted(plan):
            await asyncio.sleep(max(0, t0 + at - time.monotonic()))
            ts.append(asyncio.create_task(one(s, *args)))
            if not killed and at > .4 * SECONDS and args[0] == "rec_crash" and sum(1 for x in sorted(plan) if x[1][0] == "rec_crash" and x[0] > at) == 0:
                killed = True
                asyncio.get_running_loop().call_later(.45, lambda: open(os.path.join(os.environ["LAB_DIR"], "kill-now"), "w").close())
        await asyncio.gather(*ts)
        print(len(plan), "requests")
asyncio.run(main())
