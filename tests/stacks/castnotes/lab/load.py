"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 1414)))
#          name              n  route     fault
PLAN = [l.split() for l in """
    sum_ok                  28  sum       A=ok
    sum_pub                16  sum       A=ok
    sum_pub_down            3  sum       A=ok;W=503,500,ok
    sum_pub_dead            2  sum       A=ok;W=503
    sum_429                  5  sum       A=429,ok
    sum_5xx                  5  sum       A=500,503,ok
    sum_hang                 3  sum       A=hang,ok
    sum_fallback             5  sum       A=503;B=ok
    sum_reask                5  sum       A=shape,ok
    sum_schema_retry         3  sum       A=shape,shape,ok
    sum_schema_dead          2  sum       A=shape
    sum_down_retry           4  sum       A=503,503,503,ok;B=503
    sum_dead                 2  sum       A=500;B=500
    sum_filter               3  sum       A=400;B=400
    sum_dup                  4  sum       A=ok;D=
    sum_crash                6  sum       A=slow,ok
    sum_422                  4  sum       -
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
    room                    14  room      -
    room_400                 2  room      -
    room_bug                 2  room      -
    room_read                8  rooms     -
    scan                     7  scan      -
""".strip().split("\n")]
BASE = "http://127.0.0.1:9700"
jobs, cons, odd = [], [], []
DUPS = itertools.cycle([150, 4500])
WORDS = "today we talk about bees and beehives with our guest who keeps them on a roof in town".split()
LOTS = ["booth-a", "booth-b", "live-room", "edit-2"]


async def one(s, leaver, name, route, fault):
    key = "k" + secrets.token_hex(8)
    if fault.endswith("D="):
        fault += str(next(DUPS))
    web = random.random() < .4
    ip = f"{random.choice(['91.12', '185.40', '62.202'])}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    h = {"x-lab-key": key, "x-lab-fault": "" if fault == "-" else fault, "Content-Type": "application/json", "Host": "api.castnotes.example", "X-Forwarded-For": ip,
         "Authorization": "Bearer cn_live" if name != "ask_401" else "Bearer cn_old", "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)" if web else "CastNotes/5.1 (iPhone; iOS 19.2)"}
    if web and route not in ("scan", "room", "rooms"):
        h["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body, raw = "POST", None, None
    cid = random.choice(cons[-40:]) if cons else 48210
    if route == "sum":
        path, body = "/v1/episodes", {"title": f"Episode {random.randint(100, 999)}", "transcript": " ".join(random.choices(WORDS, k=random.randint(60, 400))), "minutes": 0 if name == "sum_odd" else random.randint(12, 95), "publish": "pub" in name or name == "sum_dup"}
        if name == "sum_422": body.pop("transcript")
    elif route == "agent":
        path, body = f"/v1/episodes/{99 if name == 'agent_404' else cid}/research", {}
    elif route == "ask":
        path, body = f"/v1/episodes/{99 if name == 'ask_404' else cid}/ask", {"question": "When do they talk about winter?"}
        if name == "ask_400": raw = '{"question": "When '
    elif route == "note":
        path, body = f"/v1/episodes/{cid}/shownotes", {}
    elif route == "change":
        method, path, body = "PATCH", f"/v1/episodes/{cid}", {"title": "Bees, part two"}
    elif route == "room":
        path, body = f"/rooms/{random.choice(LOTS)}/bookings", {"name": 5 if name == "room_400" else "ann", "hours": 2}
        if name == "room_bug": body = {"name": "bo"}
        h["Host"] = "studio.castnotes.example"
    else:
        method = "GET"
        path = {"poll": lambda: "/v1/jobs/" + ("d5k0000000000000000g" if name == "poll_404" else random.choice(jobs[-15:] or ["d5k0000000000000000g"])),
                "read": lambda: "/v1/episodes/" + str(99 if name == "read_404" else odd[0] if name == "read_bug" and odd else cid), "rooms": lambda: f"/rooms/{random.choice(LOTS + ['attic'])}/bookings",
                "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/", "/actuator/env", "/owa/"])}[route]()
        h.pop("Content-Type")
        if route == "rooms": h["Host"] = "studio.castnotes.example"
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
            if "episode_id" in d: (odd if name == "sum_odd" else cons).append(d["episode_id"])
    except asyncio.TimeoutError:
        aborted = True
    except aiohttp.ClientError as e:
        broken = repr(e)
    emit("client", key=key, scenario="sum_ok" if name == "sum_odd" else name, name=f"{method} {path.split('?')[0]}", start=t, end=time.time_ns(), status=got.get("status"), rid=got.get("rid"), aborted=aborted, broken=broken, via="edge")


TARGETS = ((9710, "/livez", "app"), (9715, "/ping", "app"), (9700, "/gw/health", "edge"))


async def main():
    plan = [(0.2, ("sum_odd", "sum", "A=ok")), (0.3, ("sum_ok", "sum", "A=ok"))]
    crash = .42 * SECONDS
    for name, n, *rest in PLAN:
        for _ in range(max(1, int(int(n) * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * SECONDS
            if name == "sum_crash":
                at = crash + random.uniform(0, .3)
            elif name == "sum_dup":
                at = random.choice([random.uniform(.04, .3), random.uniform(.55, .8)]) * SECONDS
            elif "dead" in name or "retry" in name or name == "sum_filter":
                at = random.uniform(.02, .75) * SECONDS
            elif rest[0] in ("sum", "agent", "ask", "note") and random.random() < .4:
                at = random.choice([.17, .52, .78]) * SECONDS + random.uniform(0, 1.2)
            plan.append((max(at, 2.5 if rest[0] != "sum" else 0), (name, *rest)))
    await play(plan, one, lambda s: noted_probes(s, TARGETS), "sum_crash", 1.1, force_close=True)
asyncio.run(main())
