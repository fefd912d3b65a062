"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 99)))
#          name              n  route     fault
PLAN = [l.split() for l in """
    rev_ok                  26  rev       A=ok
    rev_alert               16  rev       A=ok
    rev_alert_down           3  rev       A=ok;W=503,500,ok
    rev_alert_dead           2  rev       A=ok;W=503
    rev_429                  5  rev       A=429,ok
    rev_5xx                  4  rev       A=500,503,ok
    rev_hang                 3  rev       A=hang,ok
    rev_fallback             5  rev       A=503;B=ok
    rev_reask                5  rev       A=shape,ok
    rev_schema_retry         3  rev       A=shape,shape,ok
    rev_schema_dead          2  rev       A=shape
    rev_down_retry           4  rev       A=503,503,503,ok;B=503
    rev_dead                 3  rev       A=500;B=500
    rev_filter               3  rev       A=400;B=400
    rev_dup                  4  rev       A=ok;D=
    rev_crash                6  rev       A=slow,ok
    rev_422                  4  rev       -
    ins_ok                  20  ins       A=ok
    ins_429                  3  ins       A=429,ok
    ins_fallback             3  ins       A=500;B=ok
    ins_down_retry           2  ins       A=503,503,503,ok;B=503
    ins_422                  2  ins       -
    sug_ok                  32  sug       A=ok
    sug_429                  5  sug       A=429,ok
    sug_5xx                  4  sug       A=503,500,ok
    sug_hang                 3  sug       A=hang;B=ok
    sug_fallback             4  sug       A=500;B=ok
    sug_reask                4  sug       A=shape,ok
    sug_bad                  3  sug       A=shape
    sug_down                 4  sug       A=503;B=500
    sug_timeout              3  sug       A=hang;B=hang
    sug_leave                3  sug       A=slow
    sug_404                  3  sug       -
    sug_400                  3  sug       -
    sug_401                  3  sug       -
    str_ok                  22  str       A=ok
    str_429                  3  str       A=429,ok
    str_fallback             3  str       A=500;B=ok
    str_break                3  str       A=ok;X=1
    str_leave                4  str       A=ok;L=1
    str_down                 2  str       A=500;B=500
    poll                    26  poll      -
    poll_404                 2  poll      -
    read                    16  read      -
    read_404                 3  read      -
    read_bug                 3  read      -
    tag                      8  tag       -
    note                    12  note      -
    note_400                 2  note      -
    note_bug                 2  note      -
    notes_read               8  notes     -
    scan                     7  scan      -
""".strip().split("\n")]
BASE = "http://127.0.0.1:9300"
jobs, revs, odd = [], [], []
DUPS = itertools.cycle([150, 3500])
WORDS = "room staff breakfast noise clean bed parking view friendly wifi late checkout pool".split()


async def one(s, leaver, name, route, fault):
    key = "k" + secrets.token_hex(8)
    if fault.endswith("D="):
        fault += str(next(DUPS))
    web = random.random() < .5
    ip = f"{random.choice(['84.82', '217.100', '62.45'])}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    h = {"x-lab-key": key, "x-lab-fault": "" if fault == "-" else fault, "Content-Type": "application/json", "Host": "api.guestnote.app", "X-Forwarded-For": ip,
         "Authorization": "Bearer gn_live" if name != "sug_401" else "Bearer gn_old", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" if web else "guestnote-python/2.3.0"}
    if web and route not in ("scan", "note", "notes"):
        h["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body, raw = "POST", None, None
    rid = random.choice(revs[-40:]) if revs else 41870
    if route == "rev":
        path, body = "/api/reviews", {"property": f"hotel-{random.randint(1, 9)}", "text": 5 if name == "rev_422" else " ".join(random.choices(WORDS, k=random.randint(20, 200))), "rating": 0 if name == "rev_odd" else random.randint(1, 2) if "alert" in name or name == "rev_dup" else random.randint(3, 5)}
        if name == "rev_odd": body["rating"] = 0
    elif route == "ins":
        path, body = "/api/insights", {"property": 7 if name == "ins_422" else f"hotel-{random.randint(1, 9)}"}
    elif route == "sug":
        path, body = "/api/suggest", {"review_id": 99 if name == "sug_404" else rid}
        if name == "sug_400": raw = '{"review_id": 41870, '
    elif route == "str":
        path, body = "/api/replies/stream", {"review_id": rid}
    elif route == "tag":
        method, path, body = "PATCH", f"/api/reviews/{rid}", {"status": "answered"}
    elif route == "note":
        path, body = f"/rooms/{random.randint(101, 109)}/notes", {"text": 5 if name == "note_400" else "towels"}
        if name == "note_bug": raw = "null"
        h["Host"] = "board.guestnote.app"
    else:
        method = "GET"
        path = {"poll": lambda: "/api/jobs/" + str(7 if name == "poll_404" else random.choice(jobs[-15:] or [902315])),
                "read": lambda: "/api/reviews/" + str(99 if name == "read_404" else odd[0] if name == "read_bug" and odd else rid), "notes": lambda: f"/rooms/{random.randint(101, 112)}/notes",
                "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/", "/actuator/env", "/owa/"])}[route]()
        h.pop("Content-Type")
        if route == "notes": h["Host"] = "board.guestnote.app"
        if route == "scan": h["User-Agent"] = "Mozilla/5.0 zgrab/0.x"; h.pop("Authorization"); h.pop("traceparent", None)
    aborted, broken, got = False, False, {}

    async def go():
        async with (leaver if name.endswith("leave") else s).request(method, BASE + path, data=raw or (json.dumps(body) if body is not None else None), headers=h) as r:
            got["status"], got["rid"] = r.status, r.headers.get("X-Request-ID")
            got["raw"] = await r.read()
    t = time.time_ns()
    try:
        if name.endswith("leave"):
            await asyncio.wait_for(go(), random.uniform(.9, 1.8) if route == "str" else random.uniform(.5, 1.4))
        else:
            await go()
        if route == "str" and got["status"] == 200 and b"[DONE]" not in got["raw"]:
            broken = "no end"
        if got["status"] == 202:
            d = json.loads(got["raw"])
            jobs.append(d["job_no"])
            if "review_id" in d: (odd if name == "rev_odd" else revs).append(d["review_id"])
    except asyncio.TimeoutError:
        aborted = True
    except aiohttp.ClientError as e:
        broken = repr(e)
    emit("client", key=key, scenario="rev_ok" if name == "rev_odd" else name, name=f"{method} {path.split('?')[0]}", start=t, end=time.time_ns(), status=got.get("status"), rid=got.get("rid"), aborted=aborted, broken=broken, via="edge")


TARGETS = ((9310, "/healthz", "app"), (9315, "/ping", "app"), (9300, "/edge-health", "edge"))


async def main():
    plan = [(0.2, ("rev_odd", "rev", "A=ok")), (0.3, ("rev_ok", "rev", "A=ok"))]
    crash = .40 * SECONDS
    for name, n, *rest in PLAN:
        for _ in range(max(1, int(int(n) * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * SECONDS
            if name == "rev_crash":
                at = crash + random.uniform(0, .3)
            elif "dead" in name or "retry" in name or name == "rev_filter":
                at = random.uniform(.02, .75) * SECONDS
            elif rest[0] in ("rev", "ins", "sug", "str") and random.random() < .4:
                at = random.choice([.17, .52, .78]) * SECONDS + random.uniform(0, 1.2)
            plan.append((max(at, 2.5 if rest[0] != "rev" else 0), (name, *rest)))
    await play(plan, one, lambda s: noted_probes(s, TARGETS), "rev_crash", 1.1, force_close=True)
asyncio.run(main())
