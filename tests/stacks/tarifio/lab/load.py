"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .scenarios import plan
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 1313)))
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


asyncio.run(play(plan(SECONDS, {"J": "cls", "F": "file", "S": "note", "C": "change", "O": "shed", "Os": "sheds"}, dead=2), one, lambda s: noted_probes(s, TARGETS), "cls_crash", 1.1, force_close=True))
