"""The traffic: scenarios with their faults, in a random order over the time, and bursts."""
import asyncio, itertools, json, os, random, secrets, sys, time
import aiohttp
from .side import emit
from .traffic import noted_probes, play
SECONDS = float(sys.argv[1])
random.seed(int(os.environ.get("SEED", 99)))
#          name              n  route     fault
PLAN = [l.split() for l in """
    con_ok                  40  con       A=ok
    con_notify              18  con       A=ok
    con_mail_down            4  con       A=ok;W=503,500,ok
    con_mail_dead            2  con       A=ok;W=503
    con_429                  7  con       A=429,ok
    con_5xx                  5  con       A=500,503,ok
    con_hang                 3  con       A=hang,ok
    con_fallback             6  con       A=503;B=ok
    con_reask                6  con       A=shape,ok
    con_schema_retry         4  con       A=shape,shape,ok
    con_schema_dead          2  con       A=shape
    con_down_retry           4  con       A=503,503,503,ok;B=503
    con_dead                 3  con       A=500;B=503
    con_filter               3  con       A=400
    con_dup                  3  con       A=ok;D=
    con_crash                6  con       A=slow,ok
    con_embed_429            5  con       A=ok;E=429,ok
    con_embed_retry          3  con       A=ok;E=500,500,500,ok
    con_embed_dead           2  con       A=ok;E=500
    con_422                  4  con       -
    rev_ok                  24  rev       A=ok
    rev_429                  3  rev       A=429,ok
    rev_fallback             4  rev       A=500;B=ok
    rev_reask                3  rev       A=shape,ok
    rev_down_retry           3  rev       A=503,503,503,ok;B=503
    rev_404                  2  rev       -
    ask_ok                  34  ask       A=ok
    ask_429                  6  ask       A=429,ok
    ask_5xx                  3  ask       A=503,500,ok
    ask_hang                 4  ask       A=hang;B=ok
    ask_fallback             5  ask       A=500;B=ok
    ask_reask                5  ask       A=shape,ok
    ask_bad                  3  ask       A=shape
    ask_down                 4  ask       A=503;B=500
    ask_timeout              4  ask       A=hang;B=hang
    ask_leave                3  ask       A=slow
    ask_404                  3  ask       -
    ask_400                  3  ask       -
    ask_422                  2  ask       -
    draft_ok                24  draft     A=ok
    draft_429                3  draft     A=429,ok
    draft_fallback           4  draft     A=500;B=ok
    draft_break              3  draft     A=ok;X=1
    draft_leave              5  draft     A=ok;L=1
    draft_down               2  draft     A=500;B=500
    poll                    32  poll      -
    read                    18  read      -
    read_404                 4  read      -
    read_bug                 3  read      -
    tag                     10  tag       -
    tag_422                  2  tag       -
    rev_read                 8  revread   -
    unauth_path              2  nowhere   -
    vote                    16  vote      -
    vote_400                 3  vote      -
    vote_bug                 1  vote      -
    votes_read               8  votes     -
    scan                     7  scan      -
""".strip().split("\n")]
BASE = "http://127.0.0.1:9200"
tasks, cons, revs, odd = [], [], [], []
DUPS = itertools.cycle([3000, 150, 3500])
WORDS = "supplier shall deliver goods within thirty days net payment governing law liability cap termination notice".split()


async def one(s, leaver, name, route, fault):
    key = "k" + secrets.token_hex(8)
    if fault.endswith("D="):
        fault += str(next(DUPS))
    web = random.random() < .5
    ip = f"{random.choice(['84.82', '217.100', '62.45'])}.{random.randint(1, 254)}.{random.randint(1, 254)}"
    h = {"x-lab-key": key, "x-lab-fault": "" if fault == "-" else fault, "Content-Type": "application/json", "Host": "app.clausecheck.io", "X-Forwarded-For": ip,
         "User-Agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15" if web else "clausecheck-python/1.8.2"}
    if web and route not in ("scan", "vote", "votes"):
        h["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body, raw = "POST", None, None
    cid = random.choice(cons[-40:]) if cons else 70211
    if route == "con":
        path, body = "/v1/contracts", {"title": None if name == "con_odd" else f"{random.choice(['MSA', 'NDA', 'DPA'])} {random.choice(WORDS)} {random.randint(2, 99)}", "counterparty": "Acme BV",
                                       "text": "short" if name == "con_422" else " ".join(random.choices(WORDS, k=random.randint(80, 900))), "notify": name.startswith(("con_notify", "con_mail"))}
    elif route == "rev":
        path, body = "/v1/reviews", {"contractId": 99 if name == "rev_404" else cid, "playbook": random.choice(["nda", "msa", "dpa"])}
    elif route == "ask":
        path, body = "/v1/ask", {"contractId": 99 if name == "ask_404" else cid, "question": "?" if name == "ask_422" else "May we terminate?"}
        if name == "ask_400": raw = '{"contractId": 70211, "question": '
    elif route == "draft":
        path, body = "/v1/drafts", {"contractId": cid, "clause": "Liability is unlimited.", "tone": random.choice(["firm", "friendly"])}
    elif route == "tag":
        method, path, body = "PATCH", f"/v1/contracts/{cid}", {"tags": [] if name == "tag_422" else ["checked"]}
    elif route == "vote":
        page = random.choice(["upload", "billing", "playbooks"])
        path, body = "/votes", {"page": page, "vote": 5 if name == "vote_400" else 1} if name != "vote_bug" else {"vote": 1}
        h["Host"] = "feedback.clausecheck.io"
    else:
        method = "GET"
        path = {"poll": lambda: "/v1/jobs/" + random.choice(tasks[-15:] or ["job_none"]), "revread": lambda: f"/v1/reviews/{random.choice(revs[-8:] or [1])}",
                "read": lambda: "/v1/contracts/" + str(99 if name == "read_404" else odd[0] if name == "read_bug" and odd else cid), "votes": lambda: "/votes?page=" + random.choice(["upload", "billing"]),
                "nowhere": lambda: "/v2/contracts", "scan": lambda: random.choice(["/wp-login.php", "/.env", "/.git/config", "/admin/", "/actuator/env"])}[route]()
        h.pop("Content-Type")
        if route == "votes": h["Host"] = "feedback.clausecheck.io"
        if route == "scan": h["User-Agent"] = "Mozilla/5.0 zgrab/0.x"
    aborted, broken, got = False, False, {}

    async def go():
        async with (leaver if name.endswith("leave") else s).request(method, BASE + path, data=raw or (json.dumps(body) if body is not None else None), headers=h) as r:
            got["status"] = r.status
            got["raw"] = await r.read()
    t = time.time_ns()
    try:
        if name.endswith("leave"):
            await asyncio.wait_for(go(), random.uniform(.9, 1.8) if route == "draft" else random.uniform(.5, 1.4))
        else:
            await go()
        if got["status"] == 202:
            d = json.loads(got["raw"])
            tasks.append(d["jobId"])
            if "reviewId" in d: revs.append(d["reviewId"])
            else: (odd if name == "con_odd" else cons).append(d["contractId"])
    except asyncio.TimeoutError:
        aborted = True
    except aiohttp.ClientError as e:
        broken = repr(e)
    emit("client", key=key, scenario="con_ok" if name == "con_odd" else name, name=f"{method} {path.split('?')[0]}", start=t, end=time.time_ns(), status=got.get("status"), aborted=aborted, broken=broken, via="edge")


TARGETS = ((9210, "/healthz", "app"), (9215, "/ping", "app"), (9200, "/edge-health", "edge"))


async def main():
    plan = [(0.2, ("con_odd", "con", "A=ok")), (0.3, ("con_ok", "con", "A=ok"))]
    crash = .40 * SECONDS
    for name, n, *rest in PLAN:
        for _ in range(max(1, int(int(n) * float(os.environ.get("SHARE", 1))))):
            at = random.uniform(.02, .97) * SECONDS
            if name == "con_crash":
                at = crash + random.uniform(0, .3)
            elif "dead" in name or "retry" in name or name == "con_filter":
                at = random.uniform(.02, .8) * SECONDS
            elif rest[0] in ("con", "ask", "rev", "draft") and random.random() < .4:
                at = random.choice([.17, .52, .78]) * SECONDS + random.uniform(0, 1.2)
            plan.append((max(at, 2.5 if rest[0] != "con" else 0), (name, *rest)))
    await play(plan, one, lambda s: noted_probes(s, TARGETS), "con_crash", 1.1)
asyncio.run(main())
