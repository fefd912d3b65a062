"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 1212)))
#          name              n  route     fault
PLAN = [l.split() for l in """
    clm_ok                  28  clm       A=ok
    clm_adj                 16  clm       A=ok
    clm_adj_down             3  clm       A=ok;W=503,500,ok
    clm_adj_dead             2  clm       A=ok;W=503
    clm_429                  5  clm       A=429,ok
    clm_5xx                  5  clm       A=500,503,ok
    clm_hang                 3  clm       A=hang,ok
    clm_fallback             5  clm       A=503;B=ok
    clm_reask                5  clm       A=shape,ok
    clm_schema_retry         3  clm       A=shape,shape,ok
    clm_schema_dead          2  clm       A=shape
    clm_down_retry           4  clm       A=503,503,503,ok;B=503
    clm_dead                 3  clm       A=500;B=500
    clm_filter               3  clm       A=400;B=400
    clm_dup                  4  clm       A=ok;D=
    clm_crash                6  clm       A=slow,ok
    clm_422                  4  clm       -
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
    let_ok                  30  let       A=ok
    let_429                  4  let       A=429,ok
    let_fallback             4  let       A=500;B=ok
    let_break                3  let       A=ok;X=1
    let_leave                5  let       A=ok;L=1
    let_down                 2  let       A=500;B=500
    poll                    28  poll      -
    poll_404                 2  poll      -
    read                    18  read      -
    read_404                 3  read      -
    read_bug                 3  read      -
    tag                     10  tag       -
    park                   14  park     -
    park_400                2  park     -
    park_bug                2  park     -
    park_read               8  parks   -
    scan                     7  scan      -
""".strip().split("\n")]
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


async def main():
    plan = [(0.2, ("clm_odd", "clm", "A=ok")), (0.3, ("clm_ok", "clm", "A=ok"))]
    crash = .42 * SECONDS
    for name, n, *rest in PLAN:
        for _ in range(max(1, int(int(n) * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * SECONDS
            if name == "clm_crash":
                at = crash + random.uniform(0, .3)
            elif name == "clm_dup":
                at = random.choice([random.uniform(.04, .3), random.uniform(.55, .8)]) * SECONDS
            elif "dead" in name or "retry" in name or name == "clm_filter":
                at = random.uniform(.02, .75) * SECONDS
            elif rest[0] in ("clm", "agent", "ask", "let") and random.random() < .4:
                at = random.choice([.17, .52, .78]) * SECONDS + random.uniform(0, 1.2)
            plan.append((max(at, 2.5 if rest[0] != "clm" else 0), (name, *rest)))
    await play(plan, one, lambda s: noted_probes(s, TARGETS), "clm_crash", 1.1, force_close=True)
asyncio.run(main())
