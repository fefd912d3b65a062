"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .scenarios import plan
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 1204)))
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


asyncio.run(play(plan(SECONDS, {"J": "con", "F": "notify", "S": "sum", "C": "tag", "O": "lunch", "Os": "lunches"}), one, lambda s: noted_probes(s, TARGETS), "con_crash", 1.1, force_close=True))
