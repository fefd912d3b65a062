"""Starts the stack, plays the traffic and the faults, stops everything: play.py WORK SECONDS"""
import asyncio, base64, json, os, random, shutil, signal, socket, subprocess, sys, time

import httpx

WORK, SECONDS = sys.argv[1], float(sys.argv[2])
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PG = "/usr/lib/postgresql/15/bin"
random.seed(2611)
for d in ("logs", "side", "run"):
    os.makedirs(f"{WORK}/{d}")
SIDE, LOGS, RUN = f"{WORK}/side", f"{WORK}/logs", f"{WORK}/run"
URL = "postgres://claims@127.0.0.1:21032/claims"
procs = {}


def start(name, args, log=None, **env):
    e = {**os.environ, "SIDE_DIR": SIDE, "SIDE_NAME": name, "DATABASE_URL": URL, "PYTHONPATH": HERE, "TZ": "UTC", **env}
    if log:
        e["LOG_FILE"] = f"{LOGS}/{log}"
    procs[name] = subprocess.Popen(args, cwd=HERE, env=e, stdout=open(f"{RUN}/{name}.out", "a"), stderr=subprocess.STDOUT)
    return procs[name]


def side_note(t, **kw):
    with open(f"{SIDE}/play.jsonl", "a") as f:
        f.write(json.dumps({"t": t, **kw}) + "\n")


def worker(n):
    return start(f"worker{n}", ["node", "worker/main.js"], "claims-worker.log", INSTANCE=f"worker-{n}")


def as_pg(*args, **kw):
    return subprocess.run(["runuser", "-u", "postgres", "--", *args], check=True, stdout=subprocess.DEVNULL, **kw)


def up():
    data = f"{RUN}/pg"
    os.makedirs(data)
    os.makedirs(f"{RUN}/pglog")
    for p in (data, f"{RUN}/pglog"):
        shutil.chown(p, "postgres", "postgres")
    as_pg(f"{PG}/initdb", "-D", data, "-U", "claims", "--auth=trust", "-E", "UTF8", cwd="/")
    with open(f"{data}/postgresql.conf", "a") as f:
        f.write(f"port=21032\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nlogging_collector=on\nlog_destination=jsonlog\nlog_directory='{RUN}/pglog'\n"
                "log_filename='postgresql'\nlog_timezone='UTC'\ntimezone='UTC'\nfsync=on\nsynchronous_commit=on\nlog_checkpoints=on\ncheckpoint_timeout=30s\nmax_connections=80\n")
    as_pg(f"{PG}/pg_ctl", "-D", data, "-w", "-l", "/dev/null", "start", cwd="/")
    psql = ["psql", "-q", "-h", "127.0.0.1", "-p", "21032", "-U", "claims"]
    subprocess.run(psql + ["-d", "postgres", "-c", "create database claims"], check=True)
    subprocess.run(psql + ["-d", "claims", "-f", f"{HERE}/conf/schema.sql"], check=True)
    start("providers", ["node", "lab/providers.js"])
    start("gateway", ["node", "gateway/main.js"], "llm-gateway.log")
    start("policies", [f"{HERE}/venv/bin/uvicorn", "policies.main:app", "--port", "21050", "--log-config", "conf/uvicorn.json"], "policies.log")
    worker(1)
    time.sleep(1.5)
    worker(2)
    start("api", [f"{HERE}/venv/bin/gunicorn", "claims_api.wsgi", "-b", "127.0.0.1:21081", "-w", "2", "--threads", "8", "--no-control-socket", "--error-logfile", f"{LOGS}/gunicorn.log", "--timeout", "60"], "claims-api.log")
    for port in (21081, 21050, 21030, 21040):
        for _ in range(150):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(.2)
        else:
            raise SystemExit(f"nobody listens at {port}")
    conf = open(f"{HERE}/conf/nginx.conf").read().replace("@RUN@", RUN).replace("@LOGS@", LOGS).replace("@SIDE@", SIDE)
    open(f"{RUN}/nginx.conf", "w").write(conf)
    start("nginx", ["nginx", "-c", f"{RUN}/nginx.conf", "-e", f"{LOGS}/nginx-error.log"])
    time.sleep(1)


def pack(n, scenario, **plan):
    side_note("nonce", n=n, scenario=scenario)
    return base64.b64encode(json.dumps({"n": n, "s": scenario, **plan}).encode()).decode()


# ---- scenarios: name -> (how often, kind of request, plan)
HANG2 = ["hang", "hang"]
S = {
    "ask_ok": (36, "ask", {}), "ask_long": (12, "ask", {"tools": [["claim_history"], ["policy_lookup", "payout_estimate"], ["payout_estimate"]]}),
    "ask_429": (6, "ask", {"a": ["429"]}), "ask_500": (5, "ask", {"a": ["ok", "500"]}), "ask_hang": (4, "ask", {"a": ["hang"], "tools": [["policy_lookup"]]}),
    "ask_fallback": (6, "ask", {"a": ["500", "503"]}), "ask_fallback_late": (3, "ask", {"a": ["ok", "429", "429"]}), "ask_cut": (2, "ask", {"a": ["cut"]}),
    "ask_semantic": (6, "ask", {"a": ["ok", "bad"], "tools": [["claim_history"]]}), "ask_semantic_fail": (3, "ask", {"a": ["bad", "bad"], "tools": []}),
    "ask_down": (4, "ask", {"a": ["500", "500"], "b": ["503", "503"]}), "ask_504": (3, "ask", {"a": ["500", "500"], "b": HANG2, "tools": []}),
    "ask_edge_504": (3, "ask", {"a": ["*slow"], "tools": [["claim_history"], ["policy_lookup"], ["payout_estimate"]]}),
    "ask_tool_fail": (4, "ask", {"pol": "503", "tools": [["policy_lookup"]]}), "ask_tool_timeout": (3, "ask", {"pol": "hang", "tools": [["policy_lookup", "claim_history"]]}),
    "ask_leave": (7, "ask", {"a": ["slow"]}), "ask_bug": (3, "ask", {"bug": 1}), "ask_too_long": (2, "ask", {"a": ["400"]}),
    "claim_ok": (38, "claim", {}), "claim_429": (5, "claim", {"a": ["429"]}), "claim_500": (4, "claim", {"a": ["500"]}), "claim_hang": (4, "claim", {"a": ["hang"]}),
    "claim_fallback": (5, "claim", {"a": ["503", "500"]}), "claim_hang_fallback": (2, "claim", {"a": HANG2}), "claim_semantic": (6, "claim", {"a": ["bad"]}),
    "claim_semantic_task": (4, "claim", {"a": ["bad", "bad", "bad", "bad"], "amount": 900}), "claim_semantic_dead": (3, "claim", {"a": ["*bad"], "b": ["*bad"]}),
    "claim_retry": (6, "claim", {"a": ["500", "500"], "b": ["500", "503"], "amount": 900}), "claim_dead": (3, "claim", {"a": ["*500"], "b": ["*503"], "amount": 1200}),
    "claim_mail_retry": (6, "claim", {"m": ["503"]}), "claim_mail_dead": (2, "claim", {"m": ["*550"]}),
    "letter_ok": (20, "letter", {}), "letter_429": (4, "letter", {"a": ["ok", "429"]}), "letter_fallback": (4, "letter", {"a": ["ok", "503", "503"]}),
    "letter_semantic": (4, "letter", {"a": ["ok", "bad"]}), "letter_retry": (4, "letter", {"a": ["ok", "500", "500"], "b": ["500", "500"]}),
    "letter_dead": (2, "letter", {"a": ["*503"], "b": ["*500"]}), "letter_closed": (3, "closed", {}),
    "read": (18, "read", {}), "poll": (12, "poll", {}), "bad_json": (3, "bad_json", {}), "invalid": (3, "invalid", {}), "not_found": (4, "not_found", {}),
    "unauthorized": (4, "unauthorized", {}), "too_large": (3, "too_large", {}), "empty_question": (2, "empty", {}),
}
jobs, n_no, in_flight, samples = [], 0, 0, []
CLAIMS = [f"CLM-2025-{n:05d}" for n in range(1, 41)]
OPEN = [c for n, c in enumerate(CLAIMS, 1) if n % 11]


async def send(scenario, method, path, leave=None, auth=True, plan=None, **kw):
    global n_no, in_flight
    n_no += 1
    n = f"n{n_no}"
    h = {"X-Side": pack(n, scenario, **(plan or {})), "User-Agent": random.choice(["claims-web/4.2 (Firefox)", "claims-web/4.2 (Chrome)", "partner-portal/1.9"]), "Connection": "close"}
    if scenario in ("health", "edge_404"):
        h["User-Agent"] = "kube-probe/1.29" if scenario == "health" else "Mozilla/5.0 zgrab/0.x"
    elif auth:
        h["Authorization"] = "Bearer adj-%03d-token" % random.randint(1, 9)
    if random.random() < .3 and path.endswith("/ask"):
        h["traceparent"] = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"
    a, status, aborted, r = time.time_ns(), None, False, None
    in_flight += 1
    try:
        async with httpx.AsyncClient(base_url="http://127.0.0.1:21080", timeout=30) as c:
            r = await asyncio.wait_for(c.request(method, path, headers=h, **kw), leave)
            status = r.status_code
    except (asyncio.TimeoutError, TimeoutError):
        aborted = True
    finally:
        in_flight -= 1
    side_note("client", n=n, start=a, end=time.time_ns(), status=status, aborted=aborted)
    return r


async def one(name):
    _, kind, plan = S[name]
    plan = dict(plan)
    amount = plan.pop("amount", None) or random.choice([450, 900, 1800, 3100, 6200, 12800])
    if kind == "ask":
        if "tools" not in plan:
            plan["tools"] = random.choice([[["policy_lookup"]], [["policy_lookup", "claim_history"]], [["claim_history"], ["payout_estimate"]], [["policy_lookup"], ["payout_estimate"]]])
        await send(name, "POST", f"/claims/{random.choice(CLAIMS)}/ask", plan=plan, json={"question": "Is the water damage covered?"}, leave=random.uniform(.5, 1.8) if name == "ask_leave" else None)
    elif kind == "claim":
        r = await send(name, "POST", "/claims", plan=plan, json={"policy": f"P-{random.randint(3000, 3016)}", "line": random.choice(["home", "motor", "travel"]), "amount": amount})
        jobs.append(r.json()["job"])
    elif kind == "letter":
        r = await send(name, "POST", f"/claims/{random.choice(OPEN)}/letters", plan=plan, json={"template": "decision"})
        jobs.append(r.json()["job"])
    elif kind == "closed":
        await send(name, "POST", f"/claims/{random.choice([c for c in CLAIMS if c not in OPEN])}/letters", json={})
    elif kind == "read":
        await send(name, "GET", f"/claims/{random.choice(CLAIMS)}")
    elif kind == "poll":
        while not jobs:
            await asyncio.sleep(.5)
        await send(name, "GET", f"/jobs/{random.choice(jobs[-8:])}")
    elif kind == "bad_json":
        await send(name, "POST", "/claims", content=b"{policy:")
    elif kind == "invalid":
        await send(name, "POST", "/claims", json={"policy": "P-3001", "line": "home", "amount": "a lot"})
    elif kind == "not_found":
        await send(name, "GET", f"/claims/CLM-2024-{random.randint(100, 999):05d}")
    elif kind == "unauthorized":
        await send(name, "GET", f"/claims/{random.choice(CLAIMS)}", auth=False)
    elif kind == "too_large":
        await send(name, "POST", "/claims", content=b"x" * 50000)
    elif kind == "empty":
        await send(name, "POST", f"/claims/{random.choice(CLAIMS)}/ask", json={"question": ""})


async def faults(t0):
    async def at(s):
        await asyncio.sleep(max(0, t0 + s - time.time()))

    async def busy(n):
        """Waits until a job runs in that worker, so that the fault has something to hit."""
        side, mine = f"{SIDE}/worker{n}-{procs[f'worker{n}'].pid}.jsonl", 0
        for k in range(800):
            begun, ended = set(), set()
            for raw in open(side):
                if raw.startswith('{"t":"begin"') and '"kind":"task"' in raw:
                    begun.add(json.loads(raw)["id"])
                elif raw.startswith('{"t":"end"'):
                    ended.add(json.loads(raw)["id"])
            mine = len(begun - ended)
            if mine >= (3 if k < 200 else 1):
                break
            await asyncio.sleep(.05)
        return mine
    for when, what, n in ((16, "freeze", 2), (46, "kill", 1), (68, "freeze", 1)):
        await at(when * SECONDS / 100)
        print(f"{time.time() - t0:.1f} {what} worker {n}, jobs at work: {await busy(n)}", flush=True)
        p = procs[f"worker{n}"]
        if what == "kill":
            p.kill()
            p.wait()
            side_note("crash", process=f"worker{n}-{p.pid}", at=time.time_ns())
            await asyncio.sleep(2)
            worker(n)
        else:
            p.send_signal(signal.SIGSTOP)
            await asyncio.sleep(19)
            p.send_signal(signal.SIGCONT)


async def play():
    t0 = time.time()
    todo = [name for name, (k, _, _) in S.items() for _ in range(k)]
    random.shuffle(todo)
    times = sorted(random.uniform(1, SECONDS) for _ in todo)
    for a, b in ((10, 18), (150, 160)):                       # two bursts
        for i in range(a, b):
            times[i] = times[a] + .03 * (i - a)
    running = []

    async def later(s, coro):
        await asyncio.sleep(max(0, t0 + s - time.time()))
        await coro
    for s, name in zip(times, todo):
        running.append(asyncio.create_task(later(s, one(name))))
    k = 0
    while 5 * k < SECONDS + 25:
        running.append(asyncio.create_task(later(5 * k + .5, send("health", "GET", "/healthz"))))
        if k % 2 == 0:
            running.append(asyncio.create_task(later(5 * k + 2.2, probe())))
        k += 1
    for s in (22, 22.4, 22.9, 71):
        running.append(asyncio.create_task(later(s * SECONDS / 100, send("edge_404", "GET", random.choice(["/wp-login.php", "/.env", "/admin/index.php"])))))
    running.append(asyncio.create_task(faults(t0)))

    async def watch():
        while True:
            samples.append(in_flight)
            await asyncio.sleep(.25)
    w = asyncio.create_task(watch())
    await asyncio.gather(*running)
    w.cancel()
    quiet = 0
    for _ in range(200):                                       # until no job is left
        r = subprocess.run(["psql", "-tA", "-h", "127.0.0.1", "-p", "21032", "-U", "claims", "-d", "claims", "-c", "select count(*) from pgboss.job where state < 'completed' and name not like '\\_\\_pgboss%'"], capture_output=True, text=True)
        quiet = quiet + 1 if r.stdout.strip() == "0" else 0
        if quiet >= 6:
            break
        await asyncio.sleep(.5)
    print("jobs left", r.stdout.strip(), "requests", n_no, "seconds", round(time.time() - t0))
    print("requests at the edge at once, share of time:", {c: round(samples.count(c) / len(samples), 2) for c in sorted(set(samples))})


async def probe():
    async with httpx.AsyncClient() as c:
        await c.get("http://127.0.0.1:21030/health")


def down():
    for name in ("nginx", "api", "worker1", "worker2", "policies", "gateway", "providers"):
        p = procs.get(name)
        if p and p.poll() is None:
            p.send_signal(signal.SIGCONT)
            p.send_signal(signal.SIGQUIT if name == "nginx" else signal.SIGTERM)
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                print("had to kill", name)
    subprocess.run(["runuser", "-u", "postgres", "--", f"{PG}/pg_ctl", "-D", f"{RUN}/pg", "-m", "fast", "-w", "stop"], cwd="/", stdout=subprocess.DEVNULL)
    if os.path.exists(f"{RUN}/pglog/postgresql.json"):
        shutil.copyfile(f"{RUN}/pglog/postgresql.json", f"{LOGS}/postgresql.json")


try:
    up()
    asyncio.run(play())
finally:
    down()
