"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 1313)))
#          name              n  route     fault
PLAN = [l.split() for l in """
    cls_ok                  28  cls       A=ok
    cls_file                16  cls       A=ok
    cls_file_down            3  cls       A=ok;W=503,500,ok
    cls_file_dead            2  cls       A=ok;W=503
    cls_429                  5  cls       A=429,ok
    cls_5xx                  5  cls       A=500,503,ok
    cls_hang                 3  cls       A=hang,ok
    cls_fallback             5  cls       A=503;B=ok
    cls_reask                5  cls       A=shape,ok
    cls_schema_retry         3  cls       A=shape,shape,ok
    cls_schema_dead          2  cls       A=shape
    cls_down_retry           4  cls       A=503,503,503,ok;B=503
    cls_dead                 2  cls       A=500;B=500
    cls_filter               3  cls       A=400;B=400
    cls_dup                  4  cls       A=ok;D=
    cls_crash                6  cls       A=slow,ok
    cls_422                  4  cls       -
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
    note_ok                 30  note      A=ok
    note_429                 4  note      A=429,ok
    note_fallback            4  note      A=500;B=ok
    note_break               3  note      A=ok;X=1
    note_leave               5  note      A=ok;L=1
    note_down                2  note      A=500;B=500
    poll                    28  poll      -
    poll_404                 2  poll      -
    read                    18  read      -
    read_404                 3  read      -
    read_bug                 3  read      -
    change                  10  change    -
    shed                    14  shed      -
    shed_400                 2  shed      -
    shed_bug                 2  shed      -
    shed_read                8  sheds     -
    scan                     7  scan      -
""".strip().split("\n")]
BASE = "http://127.0.0.1:9600"
jobs, cons, odd = [], [], []
DUPS = itertools.cycle([150, 4500])
WORDS = "box of cotton shirts laptop spare parts wooden chairs steel screws glass lamps".split()
LOTS = ["drill", "saw", "jigsaw", "welder"]


async def one(s, leaver, name, route, fault):
    key = "k" + secrets.token_hex(8)
    if fault.endswith("D="):
        fault += str(next(DUPS))
    web = random.random() < .4
    ip = f"{random.choice(['91.12', '185.40', '62.202'])}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    h = {"x-lab-key": key, "x-lab-fault": "" if fault == "-" else fault, "Content-Type": "application/json", "Host": "api.tarifio.example", "X-Forwarded-For": ip,
         "Authorization": "Bearer tf_live" if name != "ask_401" else "Bearer tf_old", "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)" if web else "tarifio-app/2.9 (Android 15)"}
    if web and route not in ("scan", "shed", "sheds"):
        h["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body, raw = "POST", None, None
    cid = random.choice(cons[-40:]) if cons else 71530
    if route == "cls":
        path, body = "/api/shipments", {"reference": f"T-{random.randint(100, 999)}", "description": " ".join(random.choices(WORDS, k=random.randint(30, 200))), "value_eur": 0 if name == "cls_odd" else random.randint(11000, 90000) if "file" in name or name == "cls_dup" else random.randint(90, 9000)}
        if name == "cls_422": body.pop("description")
    elif route == "agent":
        path, body = f"/api/shipments/{99 if name == 'agent_404' else cid}/screening", {}
    elif route == "ask":
        path, body = f"/api/shipments/{99 if name == 'ask_404' else cid}/question", {"question": "Is a licence needed?"}
        if name == "ask_400": raw = '{"question": "Is '
    elif route == "note":
        path, body = f"/api/shipments/{cid}/cover-note", {}
    elif route == "change":
        method, path, body = "PATCH", f"/api/shipments/{cid}", {"state": "shipped"}
    elif route == "shed":
        path, body = f"/tools/{random.choice(LOTS)}/loans", {"who": 5 if name == "shed_400" else "ann", "days": 2}
        if name == "shed_bug": body = {"who": "bo"}
        h["Host"] = "toolshed.tarifio.example"
    else:
        method = "GET"
        path = {"poll": lambda: "/api/jobs/" + str(17 if name == "poll_404" else random.choice(jobs[-15:] or [17])),
                "read": lambda: "/api/shipments/" + str(99 if name == "read_404" else odd[0] if name == "read_bug" and odd else cid), "sheds": lambda: f"/tools/{random.choice(LOTS + ['ladder'])}/loans",
                "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/", "/actuator/env", "/owa/"])}[route]()
        h.pop("Content-Type")
        if route == "sheds": h["Host"] = "toolshed.tarifio.example"
        if route == "scan": h["User-Agent"] = "Mozilla/5.0 zgrab/0.x"; h.pop("Authorization"); h.pop("traceparent", None)
    aborted, broken, got = False, False, {}

    async def go():
        async with (leaver if name.endswith("leave") else s).request(method, BASE + path, data=raw or (json.dumps(body) if body is not None else None), headers=h) as r:
            got["status"], got["rid"] = r.status, r.headers.get("X-Request-ID")
            got["raw"] = await r.read()
    t = time.time_ns()
    try:
        if name.endswith("leave"):
            await asyncio.wait_for(go(), random.uniform(.9, 1.8) if route == "note" else random.uniform(.5, 1.4))
        else:
            await go()
        if route == "note" and got["status"] == 200 and b"[DONE]" not in got["raw"]:
            broken = "no end"
        if got["status"] == 202:
            d = json.loads(got["raw"])
            jobs.append(d["job_id"])
            if "shipment_id" in d: (odd if name == "cls_odd" else cons).append(d["shipment_id"])
    except asyncio.TimeoutError:
        aborted = True
    except aiohttp.ClientError as e:
        broken = repr(e)
    emit("client", key=key, scenario="cls_ok" if name == "cls_odd" else name, name=f"{method} {path.split('?')[0]}", start=t, end=time.time_ns(), status=got.get("status"), rid=got.get("rid"), aborted=aborted, broken=broken, via="edge")


TARGETS = ((9610, "/healthz", "app"), (9615, "/ping", "app"), (9600, "/lb-health", "edge"))


async def main():
    plan = [(0.2, ("cls_odd", "cls", "A=ok")), (0.3, ("cls_ok", "cls", "A=ok"))]
    crash = .42 * SECONDS
    for name, n, *rest in PLAN:
        for _ in range(max(1, int(int(n) * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * SECONDS
            if name == "cls_crash":
                at = crash + random.uniform(0, .3)
            elif name == "cls_dup":
                at = random.choice([random.uniform(.04, .3), random.uniform(.55, .8)]) * SECONDS
            elif "dead" in name or "retry" in name or name == "cls_filter":
                at = random.uniform(.02, .75) * SECONDS
            elif rest[0] in ("cls", "agent", "ask", "note") and random.random() < .4:
                at = random.choice([.17, .52, .78]) * SECONDS + random.uniform(0, 1.2)
            plan.append((max(at, 2.5 if rest[0] != "cls" else 0), (name, *rest)))
    await play(plan, one, lambda s: noted_probes(s, TARGETS), "cls_crash", 1.1, force_close=True)
asyncio.run(main())
