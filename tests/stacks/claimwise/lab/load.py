"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .scenarios import plan
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 1212)))
BASE = "http://127.0.0.1:9500"
jobs, cons, odd = [], [], []
DUPS = itertools.cycle([150, 4500])
WORDS = "the car hit a wall rain door broke hail roof water stolen bike".split()
LOTS = ["north", "south", "deck-1", "deck-2"]


async def one(s, leaver, name, route, fault):
    key = "k" + secrets.token_hex(8)
    if fault.endswith("D="):
        fault += str(next(DUPS))
    web = random.random() < .4
    ip = f"{random.choice(['91.12', '185.40', '62.202'])}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    h = {"x-lab-key": key, "x-lab-fault": "" if fault == "-" else fault, "Content-Type": "application/json", "Host": "api.claimwise.example", "X-Forwarded-For": ip,
         "Authorization": "Bearer cw_live" if name != "ask_401" else "Bearer cw_old", "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)" if web else "claimwise-app/5.2 (Android 15)"}
    if web and route not in ("scan", "park", "parks"):
        h["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body, raw = "POST", None, None
    cid = random.choice(cons[-40:]) if cons else 560210
    if route == "clm":
        path, body = "/v1/claims", {"policy": f"P-{random.randint(100, 999)}", "text": " ".join(random.choices(WORDS, k=random.randint(30, 200))), "amount": 0 if name == "clm_odd" else random.randint(11000, 90000) if "adj" in name or name == "clm_dup" else random.randint(90, 9000)}
        if name == "clm_422": body.pop("text")
    elif route == "agent":
        path, body = f"/v1/claims/{99 if name == 'agent_404' else cid}/investigate", {}
    elif route == "ask":
        path, body = f"/v1/claims/{99 if name == 'ask_404' else cid}/ask", {"question": "Is hail covered?"}
        if name == "ask_400": raw = '{"question": "Is '
    elif route == "let":
        path, body = f"/v1/claims/{cid}/letter", {}
    elif route == "tag":
        method, path, body = "PATCH", f"/v1/claims/{cid}", {"state": "closed"}
    elif route == "park":
        path, body = f"/lots/{random.choice(LOTS)}/bookings", {"plate": 5 if name == "park_400" else "ZH 1234"}
        if name == "park_bug": body = {"car": "red"}
        h["Host"] = "parking.claimwise.example"
    else:
        method = "GET"
        path = {"poll": lambda: "/v1/jobs/" + str("b7a1c2f0-11aa-4bb2-8cc3-7d1e5f00aa12" if name == "poll_404" else random.choice(jobs[-15:] or ["00000000-0000-4000-8000-000000000000"])),
                "read": lambda: "/v1/claims/" + str(99 if name == "read_404" else odd[0] if name == "read_bug" and odd else cid), "parks": lambda: f"/lots/{random.choice(LOTS + ['roof'])}/bookings",
                "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/", "/actuator/env", "/owa/"])}[route]()
        h.pop("Content-Type")
        if route == "parks": h["Host"] = "parking.claimwise.example"
        if route == "scan": h["User-Agent"] = "Mozilla/5.0 zgrab/0.x"; h.pop("Authorization"); h.pop("traceparent", None)
    aborted, broken, got = False, False, {}

    async def go():
        async with (leaver if name.endswith("leave") else s).request(method, BASE + path, data=raw or (json.dumps(body) if body is not None else None), headers=h) as r:
            got["status"], got["rid"] = r.status, r.headers.get("X-Request-ID")
            got["raw"] = await r.read()
    t = time.time_ns()
    try:
        if name.endswith("leave"):
            await asyncio.wait_for(go(), random.uniform(.9, 1.8) if route == "let" else random.uniform(.5, 1.4))
        else:
            await go()
        if route == "let" and got["status"] == 200 and b"[DONE]" not in got["raw"]:
            broken = "no end"
        if got["status"] == 202:
            d = json.loads(got["raw"])
            jobs.append(d["job_id"])
            if "claim_id" in d: (odd if name == "clm_odd" else cons).append(d["claim_id"])
    except asyncio.TimeoutError:
        aborted = True
    except aiohttp.ClientError as e:
        broken = repr(e)
    emit("client", key=key, scenario="clm_ok" if name == "clm_odd" else name, name=f"{method} {path.split('?')[0]}", start=t, end=time.time_ns(), status=got.get("status"), rid=got.get("rid"), aborted=aborted, broken=broken, via="edge")


TARGETS = ((9510, "/healthz", "app"), (9515, "/up", "app"), (9500, "/edge-health", "edge"))


asyncio.run(play(plan(SECONDS, {"J": "clm", "F": "adj", "S": "let", "C": "tag", "O": "park", "Os": "parks"}), one, lambda s: noted_probes(s, TARGETS), "clm_crash", 1.1, force_close=True))
