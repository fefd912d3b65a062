"""Truth against what the logs say by themselves: owners by id, counts, durations, times."""
import collections, datetime as dt, gzip, json, re
T = [json.loads(l) for l in gzip.open("truth/truth.jsonl.gz")]
F = ("edge-access.log", "api.log", "worker-1.log", "worker-2.log", "board.log")
L = {f: open("logs/" + f).read().split("\n")[:-1] for f in F}
own, who, cont = {}, {}, set()
for t in T:
    for f, ns in t["lines"].items():
        for n in ns: own[(f, n)] = t
    for f, ns in t["cont"].items(): cont |= {(f, n) for n in ns}
    for i in t["ids"]:
        v = i.split(":", 1)[1]
        if len(v) > 10 and not i.startswith("job:"): assert who.setdefault(v, t["key"]) == t["key"], i
bad, unowned = collections.Counter(), collections.Counter()
tok = re.compile(r"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![\w])[A-Za-z0-9_-]{12,}")
for f in F:
    for n, l in enumerate(L[f], 1):
        assert "labctx" not in l and "x-lab" not in l, (f, n)
        if "/lab/" in l or "tap.py" in l or "tap.cjs" in l: print("LAB SHOWS", f, n, l[max(0, l.find("tap.") - 150):][:300])
        o = own.get((f, n))
        ks = {who[x] for x in tok.findall(l) if x in who}
        if not o:
            if (f, n) in cont: continue
            unowned[(f, "with ids" if ks else "without")] += 1
            if ks: print("UNOWNED WITH ID", f, n, l[:200])
        elif ks - {o["key"]}:
            bad[(f, o["scenario"])] += 1
            if o["scenario"] != "poll": print("OTHER'S ID", f, n, o["scenario"], l[:300])
print("lines naming another's id:", dict(bad)); print("unowned:", dict(unowned))
J = {f: [json.loads(l) if l.startswith("{") else {} for l in ls] for f, ls in L.items()}
ops = [(t, o) for t in T for o in t["ops"]]
c = lambda f: sum(1 for t, o in ops if f(o))
W = J["worker-1.log"] + J["worker-2.log"]
msg = lambda d: str(d.get("message") or d.get("msg") or d.get("data") or "")
m = lambda ls, *ws: sum(any(w in msg(d) for w in ws) for d in ls)
task = lambda *outs: c(lambda o: o["kind"] == "task" and (not outs or o["outcome"] in outs))
print("runs", task(), "-skipped", task() - task("skipped"), "started", m(W, "job started"), "Executing", m(W, "Executing task"))
print("  ok", task("ok"), m(W, "job finished"), "| retry", task("retry"), m(W, "next attempt in"), "| skipped", task("skipped"), m(W, "done already"), "| dead", task("error"), m(W, "failed for good"), "| crashed", task("crashed"))
print("published", c(lambda o: o["kind"] == "queue_wait" and o["name"] != "redelivery"), m(J["api.log"], "job queued") + m(W, "follow-up queued"))
mc = lambda pre, *outs: c(lambda o: o["kind"] == "model_call" and o["id"].startswith(pre) and (not outs or o["outcome"] in outs))
H = lambda ls: sum("HTTP Request: POST" in msg(d) and "/alerts" not in msg(d) for d in ls)
print("model calls app", mc("api"), "HTTP lines", H(J["api.log"]), "+ timeout", mc("api", "timeout"), "cancelled", mc("api", "cancelled"), "| own lines", m(J["api.log"], "model call ok", "model call failed", "model call timed out", "model stream"))
print("model calls worker", mc("worker"), "HTTP lines", H(W), "+ timeout", mc("worker", "timeout"), "+ crashed", mc("worker", "crashed"), "| ok", mc("worker", "ok"), m(W, "llm call finished", "agent turn"))
sdk = lambda pre: c(lambda o: o["kind"] == "retry_wait" and o["name"].startswith("backoff") and o["id"].startswith(pre))
print("retries worker", sdk("worker"), m(W, "Retrying request"), "app", sdk("api"), m(J["api.log"], ", retrying in"))
print("fallbacks app", sum(len(t["fallbacks"]) for t in T if t["scenario"][:3] in ("sug", "str")), "app lines", m(J["api.log"], "falling back to"), "workers", sum(len(t["fallbacks"]) for t in T if t["scenario"][:3] not in ("sug", "str")), "| tools", c(lambda o: o["kind"] == "tool"), sum(msg(d).startswith("tool ") for d in W), "| writes", c(lambda o: o["kind"] == "db_write"), sum(d.get("logger") == "guestnote.db" for d in W + J["api.log"]))
print("schema: asked again", sum(t["retry_class"] == "semantic" for t in T), "lines app", m(J["api.log"], "asking again"), "worker", m(W, "asking again"))
d, out, total = collections.defaultdict(list), collections.Counter(), 0
for t in T:
    for f, ns in t["lines"].items():
        for n in ns:
            l = J[f][n - 1]
            if not l: continue
            def near(name, kind, ms, pre=""):
                v = [(o["end"] - o["start"]) / 1e6 for o in t["ops"] if o["kind"] == kind and o["id"].startswith(pre)]
                d[name].append(min(abs(x - ms) for x in v) if v else 9e9)
            if msg(l) == "request finished": near("app", "app", l["duration_ms"])
            if l.get("logger") == "guestnote.db": near("db_write", "db_write", l["duration_ms"])
            if msg(l).startswith(("model call", "model stream")): near("app model_call", "model_call", l["duration_ms"])
            if msg(l) == "job finished": near("task", "task", l["duration_ms"])
            if msg(l).startswith("tool "): near("tool", "tool", l["duration_ms"])
            if f == "board.log" and "ms" in l: near("board app", "app", l["ms"])
            if f.startswith("edge") and not t["aborted"]: near("edge", "edge", l["duration_us"] / 1e3)
            x = l["ts"] if "ts" in l else dt.datetime.fromisoformat((l.get("time") or l.get("startTime")).replace("/000Z", ".999Z").replace("Z", "+00:00")).timestamp()
            total += 1
            ok = {"edge-access.log": ("edge",), "api.log": ("app",), "board.log": ("app",)}.get(f, ("task", "queue_wait"))
            gap = min([0 if o["start"] / 1e9 - .005 <= x <= o["end"] / 1e9 + .02 else min(abs(o["start"] / 1e9 - x), abs(o["end"] / 1e9 - x)) for o in t["ops"] if o["kind"] in ok] or [9e9])
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
        if p and (o["kind"] in ("model_call", "db_write", "tool") or "backoff" in o["name"]) and not (p["start"] - 1e6 <= o["start"] and o["end"] <= p["end"] + 5e6): print("outside parent", t["scenario"], o["kind"], o["name"], o["outcome"], round((o["end"] - p["end"]) / 1e6))
    if t["scenario"] != "poll" and not t["noise"]:
        want = {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "401": "rejected", "404": "rejected", "422": "rejected", "read": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if t["scenario"] in ("rev_alert_down", "read"): want = "ok"
        if t["scenario"] == "notes_read": want = t["outcome"] if t["outcome"] in ("ok", "rejected") else "ok"
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])
