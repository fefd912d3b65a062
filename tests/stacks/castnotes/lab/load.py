"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .scenarios import plan
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 1414)))
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


asyncio.run(play(plan(SECONDS, {"J": "sum", "F": "pub", "S": "note", "C": "change", "O": "room", "Os": "rooms"}, dead=2), one, lambda s: noted_probes(s, TARGETS), "sum_crash", 1.1, force_close=True))
