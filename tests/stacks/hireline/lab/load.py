import asyncio, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
from .traffic import play, probe
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 88)))
#          name              n  route    fault
PLAN = [l.split() for l in """
    cand_ok                 50  cand     A=ok
    cand_crm                20  cand     A=ok
    cand_crm_down            5  cand     A=ok;W=500,503,ok
    cand_429                 9  cand     A=429,ok
    cand_5xx                 6  cand     A=500,503,ok
    cand_hang                4  cand     A=hang,ok
    cand_fallback            8  cand     A=503;B=ok
    cand_reask               9  cand     A=shape,ok
    cand_schema_task         5  cand     A=prose,shape,ok
    cand_schema_dead         3  cand     A=shape
    cand_down_task           5  cand     A=503,503,503,ok;B=503
    cand_dead                3  cand     A=500;B=503
    cand_filter              3  cand     A=400
    cand_dup                 3  cand     A=ok;D=dup
    cand_crash               6  cand     A=slow
    cand_embed_retry         6  cand     A=ok;E=429,ok
    cand_embed_task          3  cand     A=ok;E=500,500,500,ok
    cand_400                 5  cand     -
    sl_ok                   26  sl       A=ok
    sl_429                   4  sl       A=429,ok
    sl_fallback              4  sl       A=500;B=ok
    sl_down_task             3  sl       A=503,503,503,ok;B=503
    screen_ok               32  screen   A=ok
    screen_429               6  screen   A=429,429,ok
    screen_hang              4  screen   A=hang,ok
    screen_fallback          5  screen   A=500;B=ok
    screen_reask             6  screen   A=shape,ok
    screen_bad               3  screen   A=shape
    screen_down              4  screen   A=500;B=503
    screen_timeout           4  screen   A=hang;B=hang
    screen_leave             4  screen   A=slow
    screen_404               3  screen   -
    screen_400               3  screen   -
    letter_ok               24  letter   A=ok
    letter_429               3  letter   A=429,ok
    letter_fallback          4  letter   A=500;B=ok
    letter_break             4  letter   A=ok;X=1
    letter_leave             6  letter   A=ok;L=1
    letter_down              2  letter   A=500;B=500
    poll                    36  poll     -
    read                    20  read     -
    read_404                 4  read     -
    read_bug                 3  read     -
    note                    12  note     -
    note_400                 3  note     -
    sl_read                  8  slread   -
    scan                     7  scan     -
""".strip().split("\n")]
BASE = "http://127.0.0.1:9000"
SKILLS = "python java sales nursing welding excel sql figma spanish logistics".split()
tasks, cands, sls, odd = [], [], [], []
FIRST, LAST = "Ada Bo Cem Dua Eli Fay Gus Hana".split(), "Lindt Moreau Novak Okafor Petit Quinn Rossi".split()


async def one(s, leaver, name, route, fault):
    key = "k" + secrets.token_hex(8)
    web = random.random() < .55
    h = {"x-lab-key": key, "x-lab-fault": "" if fault == "-" else fault, "Content-Type": "application/json", "Authorization": "Bearer x",
         "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0" if web else "hireline-cli/0.9"}
    if web and route != "scan":                                  # the browser app is traced
        h["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body = "POST", None
    cid = random.choice(cands[-30:]) if cands else 4180
    if route == "cand":
        path = "/api/candidates"
        body = {"name": "Prince" if name == "odd" else f"{random.choice(FIRST)} {random.choice(LAST)}", "email": "nope" if name == "cand_400" else "a@example.org",
                "cv": " ".join(random.choices(SKILLS, k=12)), "pushToCrm": name.startswith("cand_crm")}
    elif route == "sl":
        path, body = "/api/shortlists", {"vacancy": "Nurse", "skills": random.sample(SKILLS, 2)}
    elif route == "screen":
        path, body = "/api/screen", {"candidateId": 99999 if name == "screen_404" else cid, "question": "Hi" if name == "screen_400" else "Can they weld?"}
    elif route == "letter":
        path, body = "/api/letters", {"vacancy": "Nurse", "tone": random.choice(["warm", "formal"])}
    elif route == "note":
        method, path, body = "PATCH", f"/api/candidates/{cid}/notes", {"text": "" if name == "note_400" else "called twice"}
    else:
        method = "GET"
        path = {"poll": lambda: "/api/tasks/" + random.choice(tasks[-15:] or ["00000000-0000-4000-8000-000000000000"]),
                "slread": lambda: f"/api/shortlists/{random.choice(sls[-8:] or [1])}",
                "read": lambda: "/api/candidates/" + str(99999 if name == "read_404" else odd[0] if name == "read_bug" and odd else cid),
                "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/"])}[route]()
        h.pop("Content-Type")
        if route == "scan":
            h["User-Agent"] = "Mozilla/5.0 zgrab/0.x"; h.pop("Authorization")
    aborted, broken, got = False, False, {}

    async def go():
        async with (leaver if name.endswith("leave") else s).request(method, BASE + path, data=json.dumps(body) if body is not None else None, headers=h) as r:
            got["status"] = r.status
            got["raw"] = await r.read()
    t = time.time_ns()
    try:
        if name.endswith("leave"):
            await asyncio.wait_for(go(), random.uniform(.5, 1.4))
        else:
            await go()
        if got["status"] == 202:
            d = json.loads(got["raw"])
            tasks.append(d["taskId"])
            if "candidateId" in d:
                (odd if name == "odd" else cands).append(d["candidateId"])
            else:
                sls.append(d["shortlistId"])
    except asyncio.TimeoutError:
        aborted = True
    except aiohttp.ClientError as e:
        broken = repr(e)
    emit("client", key=key, scenario="cand_ok" if name == "odd" else name, name=f"{method} {path}", start=t, end=time.time_ns(), status=got.get("status"), aborted=aborted, broken=broken)


async def probes(s):
    while True:
        for port in (9010, 9020):
            await probe(s, f"http://127.0.0.1:{port}/healthz", "kube-probe/1.31")
        await asyncio.sleep(10)


async def main():
    plan = [(0.2, ("odd", "cand", "A=ok")), (0.3, ("cand_ok", "cand", "A=ok"))]
    crash = .36 * SECONDS
    for name, n, *rest in PLAN:
        for _ in range(max(1, int(int(n) * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * SECONDS
            if name == "cand_crash":
                at = crash + random.uniform(0, .3)
            elif "dead" in name or name == "cand_filter":
                at = random.uniform(.02, .8) * SECONDS
            elif rest[0] in ("cand", "screen", "sl", "letter") and random.random() < .33:
                at = random.choice([.16, .47, .74]) * SECONDS + random.uniform(0, 1.5)
            plan.append((max(at, 2.5 if rest[0] in ("read", "screen", "note") else 0), (name, *rest)))
    await play(plan, one, probes, "cand_crash", 1.2)
asyncio.run(main())
