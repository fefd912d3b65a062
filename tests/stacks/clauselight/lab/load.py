import asyncio, json, random, secrets, sys, time, uuid
from .side import emit
from .traffic import play, probe
SECONDS = float(sys.argv[1])
random.seed(23)
#          name            n  route      fault
PLAN = [l.split() for l in """
    con_ok                40  contracts  A=ok
    con_429               10  contracts  A=429,ok
    con_500                6  contracts  A=500,503,ok
    con_hang               4  contracts  A=hang,ok
    con_fallback           8  contracts  A=500;B=ok
    con_reask             10  contracts  A=shape,ok
    con_schema_task        5  contracts  A=prose,shape,ok
    con_schema_dead        4  contracts  A=shape
    con_down_task          5  contracts  A=503,503,503,ok;B=529
    con_dead               4  contracts  A=500;B=503
    con_filter             4  contracts  A=400
    con_dup                5  contracts  D=dup
    con_hook               8  contracts  W=ok
    con_hook_503           4  contracts  W=503,ok
    con_hook_dead          3  contracts  W=500
    con_crash              7  contracts  A=slow
    con_422                4  contracts  A=ok
    con_400                4  contracts  A=ok
    con_401                5  contracts  A=ok
    ask_ok                40  ask        A=ok
    ask_429               10  ask        A=429,ok
    ask_500                5  ask        A=500,ok
    ask_fallback           8  ask        A=503
    ask_hang               4  ask        A=hang
    ask_timeout            4  ask        A=hang;B=hang
    ask_down               4  ask        A=500;B=500
    ask_filter             3  ask        A=400
    ask_leave              4  ask        A=slow
    stream_ok             16  stream     A=ok
    stream_429             4  stream     A=429,ok
    stream_fallback        3  stream     A=500
    stream_leave           8  stream     A=slow
    cmp_ok                12  compare    A=ok
    cmp_429                5  compare    A=429,ok
    cmp_fallback           4  compare    A=500;B=429,ok
    cmp_same               3  compare    A=ok
    exp_ok                18  exports    A=ok
    exp_docx               6  exports    A=ok
    exp_odt                3  exports    A=ok
    poll                  26  poll       A=ok
    poll_export           10  pollexp    A=ok
    read                  16  read       A=ok
    read_404               5  read       A=ok
    read_bug               4  read       A=ok
    health                 8  health     A=ok
    scan                   8  scan       A=ok
""".strip().splitlines()]
reviews, contracts, odd, jobs = [], [], [], []
USERS = [(f"u_{4800 + 7 * i}", str(uuid.UUID(int=random.getrandbits(128), version=4))) for i in range(22)]
UA = ["clauselight-web/5.2 (Chrome 142)", "clauselight-ios/3.9.1", "okhttp/4.12.0", "python-requests/2.32.3"]
BASE = "http://127.0.0.1:8700"


async def one(s, leaver, name, route, fault):
    key = secrets.token_hex(6)
    user, session = random.choice(USERS)
    h = {"X-Lab-Key": key, "X-Lab-Fault": fault, "Host": "api.clauselight.example", "Authorization": "Bearer " + ("ck_test_000" if name == "con_401" else "ck_live_7d1"), "User-Agent": random.choice(UA)}
    if route not in ("health", "scan") and name != "con_401":
        h["X-User"], h["X-Session"] = user, session
    method, body = "POST", None
    if route == "contracts":
        path = "/v1/contracts"
        body = {"title": "Orphan" if name == "odd" else f"Lease {random.randint(1, 99)} / Meyer GmbH", "text": " " if name == "con_422" else "The parties agree on the following terms. " * random.randint(3, 30)}
        if name.startswith("con_hook"):
            body["webhook"] = f"http://127.0.0.1:8733/hooks/{random.choice(['acme', 'initech', 'globex'])}"
        if name == "con_400":
            body = {"title": 5}
    elif route in ("ask", "stream"):
        path, body = "/v1/ask" + ("/stream" if route == "stream" else ""), {"question": random.choice(["what is the notice period in months?", "is liability capped?"])}
    elif route == "compare":
        a = random.choice(contracts or [8201])
        path, body = "/v1/compare", {"left": a, "right": a if name == "cmp_same" else a + 1}
    elif route == "exports":
        path, body = "/v1/exports", {"contract": random.choice(contracts or [8201]), "format": {"exp_docx": "docx", "exp_odt": "odt"}.get(name, "pdf")}
    else:
        method = "GET"
        path = {"poll": lambda: "/v1/reviews/" + (random.choice(reviews[-20:]) if reviews else str(uuid.uuid4())),
                "pollexp": lambda: f"/v1/exports/{random.choice(jobs[-10:]) if jobs else 1}",
                "read": lambda: "/v1/contracts/" + str(99999 if name == "read_404" else odd[0] if name == "read_bug" and odd else random.choice(contracts[-20:] or [99998])),
                "health": lambda: "/healthz", "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/"])}[route]()
        if route == "scan":
            h["User-Agent"] = "Mozilla/5.0 zgrab/0.x"; h.pop("Authorization")
    status, aborted, got = None, False, {}

    async def go():
        async with (leaver if name.endswith("leave") else s).request(method, BASE + path, json=body, headers=h) as r:
            got["status"] = r.status
            got["raw"] = await r.read()
    t = time.time_ns()
    try:
        if name.endswith("leave"):
            await asyncio.wait_for(go(), random.uniform(.25, .85))
        else:
            await go()
        if got["status"] == 202:
            d = json.loads(got["raw"])
            if "review" in d:
                reviews.append(d["review"]); (odd if name == "odd" else contracts).append(d["contract"])
            else:
                jobs.append(d["job"])
    except asyncio.TimeoutError:
        aborted = True
    emit("client", key=key, scenario="poll" if name == "poll_export" else "con_ok" if name == "odd" else name, name=f"{method} {path}", start=t, end=time.time_ns(), status=got.get("status"), aborted=aborted)


async def probes(s):
    while True:
        await probe(s, "http://127.0.0.1:8710/healthz", "lb-check")
        await asyncio.sleep(8)


async def main():
    plan = [(0.2, ("odd", "contracts", "A=ok"))]
    for name, n, *rest in PLAN:
        for _ in range(int(n)):
            at = random.uniform(.02, .97) * SECONDS
            if name == "con_crash":
                at = .45 * SECONDS + random.uniform(0, .25)
            elif rest[0] in ("contracts", "ask", "compare", "stream", "exports") and random.random() < .35:
                at = random.choice([.18, .44, .72]) * SECONDS + random.uniform(0, 1.5)
            plan.append((at, (name, *rest)))
    await play(plan, one, probes, "con_crash", .5, patience=40)
asyncio.run(main())
