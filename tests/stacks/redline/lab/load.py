"""The clients: an open-loop plan of requests, each with a key of its own that only the side channel sees."""
import collections
import http.client
import json
import os
import random
import secrets
import socket
import sys
import threading
import time

from .side import emit

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 90
random.seed(int(os.environ.get("LAB_SEED", "7")))
TOKEN = os.environ.get("REDLINE_TOKEN", "dev-token")

#            name                 n  route      provider A            provider B    fault
PLAN = [line.split() for line in """
    sum_ok                       52  summary    ok                    ok            -
    sum_429                      14  summary    429,ok                ok            -
    sum_500                       8  summary    500,503,ok            ok            -
    sum_hang                      5  summary    hang,ok               ok            -
    sum_fallback                  8  summary    500,500,500           ok            -
    sum_taskretry                 6  summary    503,503,503,ok        500,500       -
    sum_dead                      4  summary    500                   503           -
    sum_filter                    4  summary    filter                ok            -
    sum_dup                       5  summary    ok                    ok            dup
    sum_dup_late                  3  summary    ok                    ok            dup_late
    sum_crash                     1  summary    slow                  ok            crash
    sum_404                       4  summary    ok                    ok            -
    ask_ok                       58  ask        ok                    ok            -
    ask_429                      12  ask        429,ok                ok            -
    ask_500                       8  ask        500,ok                ok            -
    ask_hang_fallback             5  ask        hang                  ok            -
    ask_fallback                  8  ask        503                   ok            -
    ask_fallback_429              4  ask        429                   429,ok        -
    ask_timeout                   4  ask        hang                  hang          -
    ask_down                      4  ask        500                   500           -
    ask_filter                    4  ask        filter                ok            -
    ask_disconnect               10  ask        slow                  ok            -
    ask_bug                       4  ask        ok                    ok            -
    ask_invalid                   8  ask        ok                    ok            -
    ask_401                       4  ask        ok                    ok            -
    ext_ok                       30  extract    ok                    ok            -
    ext_429                       6  extract    429,429,ok            ok            -
    ext_semantic                  8  extract    badshape,ok           ok            -
    ext_semantic_task             4  extract    badjson,badjson,badjson,ok ok       -
    ext_semantic_dead             3  extract    badshape              ok            -
    ext_follow_dead               4  extract    ok                    ok            -
    ext_dup                       3  extract    ok                    ok            dup
    ext_invalid                   5  extract    ok                    ok            -
    poll                         64  poll       ok                    ok            -
    poll_404                      4  poll       ok                    ok            -
    read                         16  read       ok                    ok            -
    read_404                      3  read       ok                    ok            -
    health                       12  health     ok                    ok            -
    edge_404                      8  edge       ok                    ok            -
""".strip().splitlines()]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Safari/605.1.15", "redline-cli/0.9.2"]
jobs, lock = collections.deque(maxlen=25), threading.Lock()


def request(scenario, route, a, b, fault):
    key = secrets.token_hex(6)
    doc = random.choice([1038, 1039]) if scenario == "ext_follow_dead" else 1040 if scenario == "ask_bug" else 4711 if scenario in ("sum_404", "read_404") else random.randint(1001, 1037)
    script = f"lab:{key} A={a} B={b}"
    agent = random.choice(AGENTS)
    headers = {"Host": "redline.example", "User-Agent": agent, "X-Lab-Key": key, "Authorization": "Bearer " + ("old" if scenario == "ask_401" else TOKEN)}
    if fault != "-":
        headers["X-Lab-Fault"] = fault
    if not agent.startswith("redline-cli") and route not in ("health", "edge"):      # the browser app traces, the command line tool does not
        headers["Traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    method, body = "GET", None
    if route == "summary":
        method, path, body = "POST", f"/documents/{doc}/summary", {"focus": script}
    elif route == "ask":
        method, path, body = "POST", "/ask", {"document_id": doc, "question": "" if scenario == "ask_invalid" else script}
    elif route == "extract":
        method, path, body = "POST", "/extract", {"hints": script} if scenario == "ext_invalid" else {"document_id": doc, "hints": script}
    elif route == "poll":
        with lock:
            path = "/jobs/" + (random.choice(jobs) if jobs and scenario == "poll" else "00000000-0000-4000-8000-" + secrets.token_hex(6))
    elif route == "read":
        path = f"/documents/{doc}"
    elif route == "health":
        path = "/healthz"
        headers["User-Agent"] = "uptime-probe/2.1"
    else:
        path = random.choice(["/favicon.ico", "/robots.txt", "/.env", "/wp-login.php"])
    raw = json.dumps(body).encode() if body is not None else None
    if raw:
        headers["Content-Type"] = "application/json"
    status, aborted, t = None, False, time.time_ns()
    c = http.client.HTTPConnection("127.0.0.1", 8200, timeout=30)
    try:
        c.request(method, path, raw, headers)
        if scenario == "ask_disconnect":
            time.sleep(random.uniform(.2, .8))
            aborted = True
            c.sock.shutdown(socket.SHUT_RDWR)
        else:
            r = c.getresponse()
            status, answer = r.status, r.read()
            if status == 202:
                with lock:
                    jobs.append(json.loads(answer)["job_id"])
    finally:
        c.close()
        emit("client", key=key, scenario="poll" if route == "poll" else scenario, name=f"{method} {path}", start=t, end=time.time_ns(), status=status, aborted=aborted)


plan = []
for name, n, route, a, b, fault in PLAN:
    for _ in range(int(n)):
        at = random.uniform(.02, .95) * SECONDS if route != "poll" else random.uniform(.1, 1) * SECONDS
        if fault == "crash":
            at = .48 * SECONDS
        elif route in ("summary", "extract", "ask") and random.random() < .35:      # three bursts, so that the queue fills
            at = random.choice([.2, .475, .75]) * SECONDS + random.uniform(0, 1.2)
        plan.append((at, (name, route, a, b, fault)))
t0, threads = time.monotonic(), []
for at, args in sorted(plan):
    time.sleep(max(0, t0 + at - time.monotonic()))
    threads.append(threading.Thread(target=request, args=args))
    threads[-1].start()
for t in threads:
    t.join()
print(len(plan), "requests")
