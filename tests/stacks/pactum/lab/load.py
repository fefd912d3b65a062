"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 1204)))
#          name              n  route     fault
PLAN = [l.split() for l in """
    con_ok                  28  con       A=ok
    con_notify              16  con       A=ok
    con_notify_down          3  con       A=ok;W=503,500,ok
    con_notify_dead          2  con       A=ok;W=503
    con_429                  5  con       A=429,ok
    con_5xx                  5  con       A=500,503,ok
    con_hang                 3  con       A=hang,ok
    con_fallback             5  con       A=503;B=ok
    con_reask                5  con       A=shape,ok
    con_schema_retry         3  con       A=shape,shape,ok
    con_schema_dead          2  con       A=shape
    con_down_retry           4  con       A=503,503,503,ok;B=503
    con_dead                 3  con       A=500;B=500
    con_filter               3  con       A=400;B=400
    con_dup                  4  con       A=ok;D=
    con_crash                6  con       A=slow,ok
    con_422                  4  con       -
    agent_ok                24  agent     A=ok
    agent_429                4  agent     A=429,ok
    agent_fallback           3  agent     A=500;B=ok
    agent_down_retry         2  agent     A=503,503,503,ok;B=503
    agent_404                2  agent     -
    ask_ok                  46  ask       A=ok
    ask_429                  6  ask       A=429,ok
    ask_5xx                  5  ask       A=503,500,ok
    ask_hang                 3  ask       A=hang,ok
    ask_fallback             5  ask       A=500;B=ok
    ask_reask                5  ask       A=shape,ok
    ask_bad                  3  ask       A=shape
    ask_down                 4  ask       A=503;B=500
    ask_timeout              3  ask       A=hang;B=hang
    ask_leave                4  ask       A=slow
    ask_404                  3  ask       -
    ask_400                  3  ask       -
    ask_401                  3  ask       -
    sum_ok                  30  sum       A=ok
    sum_429                  4  sum       A=429,ok
    sum_fallback             4  sum       A=500;B=ok
    sum_break                3  sum       A=ok;X=1
    sum_leave                5  sum       A=ok;L=1
    sum_down                 2  sum       A=500;B=500
    poll                    28  poll      -
    poll_404                 2  poll      -
    read                    18  read      -
    read_404                 3  read      -
    read_bug                 3  read      -
    tag                     10  tag       -
    lunch                   14  lunch     -
    lunch_400                2  lunch     -
    lunch_bug                2  lunch     -
    lunch_read               8  lunches   -
    scan                     7  scan      -
""".strip().split("\n")]
BASE = "http://127.0.0.1:9400"
jobs, cons, odd = [], [], []
DUPS = itertools.cycle([150, 4500])
WORDS = "party shall notice days payment liability term law secrecy damages renewal fee services".split()
DAYS = ["monday", "tuesday", "thursday", "friday"]


async def one(s, leaver, name, route, fault):
    key = "k" + secrets.token_hex(8)
    if fault.endswith("D="):
        fault += str(next(DUPS))
    web = random.random() < .4
    ip = f"{random.choice(['91.12', '185.40', '62.202'])}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    h = {"x-lab-key": key, "x-lab-fault": "" if fault == "-" else fault, "Content-Type": "application/json", "Host": "api.pactum.example", "X-Forwarded-For": ip,
         "X-Api-Key": "pk_live" if name != "ask_401" else "pk_old", "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)" if web else "pactum-node/1.14.2"}
    if web and route not in ("scan", "lunch", "lunches"):
        h["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body, raw = "POST", None, None
    cid = random.choice(cons[-40:]) if cons else 70410
    if route == "con":
        path, body = "/v1/contracts", {"title": "" if name == "con_odd" else " ".join(random.choices(WORDS, k=3)), "text": " ".join(random.choices(WORDS, k=random.randint(30, 200))), "value": random.randint(110000, 900000) if "notify" in name or name == "con_dup" else random.randint(900, 90000)}
        if name == "con_422": body.pop("text")
    elif route == "agent":
        path, body = f"/v1/contracts/{99 if name == 'agent_404' else cid}/review", {}
    elif route == "ask":
        path, body = f"/v1/contracts/{99 if name == 'ask_404' else cid}/ask", {"question": "How long is the notice?"}
        if name == "ask_400": raw = '{"question": "How '
    elif route == "sum":
        path, body = f"/v1/contracts/{cid}/summary", {}
    elif route == "tag":
        method, path, body = "PATCH", f"/v1/contracts/{cid}", {"state": "signed"}
    elif route == "lunch":
        path, body = f"/days/{random.choice(DAYS)}/orders", {"dish": 5 if name == "lunch_400" else "soup"}
        if name == "lunch_bug": body = {"meal": "soup"}
        h["Host"] = "lunch.pactum.example"
    else:
        method = "GET"
        path = {"poll": lambda: "/v1/jobs/" + str(7 if name == "poll_404" else random.choice(jobs[-15:] or [348212])),
                "read": lambda: "/v1/contracts/" + str(99 if name == "read_404" else odd[0] if name == "read_bug" and odd else cid), "lunches": lambda: f"/days/{random.choice(DAYS + ['sunday'])}/orders",
                "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/", "/actuator/env", "/owa/"])}[route]()
        h.pop("Content-Type")
        if route == "lunches": h["Host"] = "lunch.pactum.example"
        if route == "scan": h["User-Agent"] = "Mozilla/5.0 zgrab/0.x"; h.pop("X-Api-Key"); h.pop("traceparent", None)
    aborted, broken, got = False, False, {}

    async def go():
        async with (leaver if name.endswith("leave") else s).request(method, BASE + path, data=raw or (json.dumps(body) if body is not None else None), headers=h) as r:
            got["status"], got["rid"] = r.status, r.headers.get("X-Request-ID")
            got["raw"] = await r.read()
    t = time.time_ns()
    try:
        if name.endswith("leave"):
            await asyncio.wait_for(go(), random.uniform(.9, 1.8) if route == "sum" else random.uniform(.5, 1.4))
        else:
            await go()
        if route == "sum" and got["status"] == 200 and b"[DONE]" not in got["raw"]:
            broken = "no end"
        if got["status"] == 202:
            d = json.loads(got["raw"])
            jobs.append(d["jobId"])
            if "contractId" in d: (odd if name == "con_odd" else cons).append(d["contractId"])
    except asyncio.TimeoutError:
        aborted = True
    except aiohttp.ClientError as e:
        broken = repr(e)
    emit("client", key=key, scenario="con_ok" if name == "con_odd" else name, name=f"{method} {path.split('?')[0]}", start=t, end=time.time_ns(), status=got.get("status"), rid=got.get("rid"), aborted=aborted, broken=broken, via="edge")


TARGETS = ((9410, "/healthz", "app"), (9415, "/up", "app"), (9400, "/edge-health", "edge"))


async def main():
    plan = [(0.2, ("con_odd", "con", "A=ok")), (0.3, ("con_ok", "con", "A=ok"))]
    crash = .42 * SECONDS
    for name, n, *rest in PLAN:
        for _ in range(max(1, int(int(n) * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * SECONDS
            if name == "con_crash":
                at = crash + random.uniform(0, .3)
            elif name == "con_dup":
                at = random.choice([random.uniform(.04, .3), random.uniform(.55, .8)]) * SECONDS
            elif "dead" in name or "retry" in name or name == "con_filter":
                at = random.uniform(.02, .75) * SECONDS
            elif rest[0] in ("con", "agent", "ask", "sum") and random.random() < .4:
                at = random.choice([.17, .52, .78]) * SECONDS + random.uniform(0, 1.2)
            plan.append((max(at, 2.5 if rest[0] != "con" else 0), (name, *rest)))
    await play(plan, one, lambda s: noted_probes(s, TARGETS), "con_crash", 1.1, force_close=True)
asyncio.run(main())
