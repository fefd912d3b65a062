"""Truth against what the logs say by themselves: owners by id, counts, durations, times."""
import collections, datetime as dt, gzip, json, re
T = [json.loads(l) for l in gzip.open("truth/truth.jsonl.gz")]
F = ("edge-access.log", "api.log", "gateway.log", "worker-1.log", "worker-2.log", "beat.log")
L = {f: open("logs/" + f).read().split("\n")[:-1] for f in F}
own, who = {}, {}
for t in T:
    for f, ns in t["lines"].items():
        for n in ns:
            assert (f, n) not in own
            own[(f, n)] = t
    for i in t["ids"]:
        v = i.split(":", 1)[1]
        if len(v) > 8: assert who.setdefault(v, t["key"]) == t["key"], i
bad, unowned = collections.Counter(), collections.Counter()
tok = re.compile(r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-\d+)?|(?<![\w])[A-Za-z0-9_-]{12,}")
for f in F:
    calls = {}
    for n, l in enumerate(L[f], 1):
        o = own.get((f, n))
        ks = {who[x] for x in tok.findall(l) if x in who}
        if not o:
            unowned[(f, "with ids" if ks else "without")] += 1
            if ks: print("UNOWNED WITH ID", f, n, l[:200])
        elif ks - {o["key"]}:
            bad[(f, o["scenario"])] += 1
            if o["scenario"] != "poll": print("OTHER'S ID", f, n, o["scenario"], l[:300])
        if f == "gateway.log" and o and "call" in l:
            c = json.loads(l).get("call")
            if c and calls.setdefault(c, o["key"]) != o["key"]: print("NUMBER OF TWO", n, c)
print("lines naming another's id:", dict(bad)); print("unowned:", dict(unowned))
ops = [(t, o) for t in T for o in t["ops"]]
c = lambda f: sum(1 for t, o in ops if f(o))
hop = lambda o: o["attrs"].get("hop")
W = L["worker-1.log"] + L["worker-2.log"]
print("task runs", c(lambda o: o["kind"] == "task"), "ended:", sum('celery.app.trace' in l and any(w in l for w in ("succeeded in", "retry: Retry in", "raised unexpected")) and "maintenance" not in l for l in W), "+ crashed", c(lambda o: o["kind"] == "task" and o["outcome"] == "crashed"), "| received", sum('] received"' in l and "maintenance" not in l for l in W))
print("task retries", sum(t["task_retries"] for t in T), "lines", sum("retry: Retry in" in l for l in W), "| dead", c(lambda o: o["kind"] == "task" and o["outcome"] == "error"), "lines", sum("giving up on" in l for l in W))
G = L["gateway.log"]
print("gateway retry waits", sum(1 for t in T for o in t["ops"] if o["kind"] == "retry_wait" and "backoff" in o["name"]), "lines", sum("failed, retrying" in l for l in G), "+ SDK", sum("Retrying request in" in l for l in W), "| fallbacks", sum(len(t["fallbacks"]) for t in T), "lines", sum("falling back" in l for l in G))
print("gateway ops", c(lambda o: hop(o) == "gateway"), "request lines", sum('"msg":"request"' in l for l in G), "| db writes", c(lambda o: o["kind"] == "db_write"), "| tools", c(lambda o: o["kind"] == "tool"), "lines", sum('"tool finished"' in l for l in W))
d, out, total = collections.defaultdict(list), collections.Counter(), 0
inside = {"api.log": lambda o: o["kind"] == "app" and not hop(o), "gateway.log": lambda o: hop(o) == "gateway", "edge-access.log": lambda o: o["kind"] == "edge"}
for t in T:
    for f, ns in t["lines"].items():
        for n in ns:
            l = json.loads(L[f][n - 1])
            def near(name, kind, ms, h=None):
                v = [(o["end"] - o["start"]) / 1e6 for o in t["ops"] if o["kind"] == kind and (h is None or hop(o) == h)]
                d[name].append(min(abs(x - ms) for x in v) if v else 9e9)
            m = l.get("message", l.get("msg", ""))
            if isinstance(m, dict): m = json.dumps(m)
            if l.get("context") == "HTTP": near("api app", "app", int(re.search(r" (\d+)ms", m)[1]), None)
            x = re.search(r"(?:inserted|saved) in (\d+) ms|durationMs\": (\d+)|row, ([\d.]+) ms", m)
            if x: near(f[:3] + " db_write", "db_write", float(x[1] or x[2] or x[3]))
            if l.get("msg") == "request": near("gateway app", "app", l["dur_ms"], "gateway")
            if "runtime" in l.get("data", {}): near("task", "task", l["data"]["runtime"] * 1e3)
            if m == "tool finished": near("tool", "tool", l["duration_ms"])
            if f.startswith("edge") and not t["aborted"]: near("edge", "edge", l["ttms"])
            v = l.get("asctime") or l.get("timestamp") or l.get("time")
            x = v / 1e3 if isinstance(v, int) else v if isinstance(v, float) else dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", v.replace(",", ".")) + ("" if "+" in v else "+00:00")).timestamp()
            total += 1
            ok = inside.get(f, lambda o: o["kind"] in ("task", "queue_wait", "retry_wait"))
            gap = min([0 if o["start"] / 1e9 - .005 <= x <= o["end"] / 1e9 + .02 else min(abs(o["start"] / 1e9 - x), abs(o["end"] / 1e9 - x)) for o in t["ops"] if ok(o)] or [9e9])
            if gap:
                out[f] += 1
                if gap > .1: print("FAR", f, n, t["scenario"], round(gap, 3), L[f][n - 1][:200])
for k, v in sorted(d.items()):
    v.sort(); print(f"{k:16} n {len(v):4} difference ms: median {v[len(v) // 2]:.2f} p90 {v[int(.9 * len(v))]:.2f} max {v[-1]:.1f}")
print(total, "lines;", dict(out), "outside of their operations by more than 5/20 ms")
for t in T:
    ids = {o["id"]: o for o in t["ops"]}
    for o in t["ops"]:
        p = ids.get(o["parent"])
        if p and (o["kind"] in ("model_call", "db_write", "tool") or "backoff" in o["name"]) and not (p["start"] - 1e6 <= o["start"] and o["end"] <= p["end"] + 5e6): print("outside parent", t["scenario"], o["kind"], o["outcome"], round((o["end"] - p["end"]) / 1e6))
    if t["scenario"] != "poll" and not t["noise"]:
        want = "ok" if t["scenario"] == "cand_crm_down" else {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "404": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "crm_down": "ok", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])
