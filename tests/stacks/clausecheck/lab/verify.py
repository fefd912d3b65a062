"""Truth against what the logs say by themselves: owners by id, counts, durations, times."""
import collections, datetime as dt, gzip, json, re
T = [json.loads(l) for l in gzip.open("truth/truth.jsonl.gz")]
F = ("edge-access.log", "api.log", "enrich-1.log", "enrich-2.log", "jobs.log", "feedback.log")
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
E = J["enrich-1.log"] + J["enrich-2.log"]
msg = lambda d: d.get("message") or d.get("msg") or ""
nats, proc = ("extract", "review"), ("index_contract", "send_digest")
task = lambda names, *outs: c(lambda o: o["kind"] == "task" and o["name"] in names and o["outcome"] in outs)
m = lambda ls, *ws: sum(any(w in msg(d) for w in ws) for d in ls)
print("NATS runs", c(lambda o: o["kind"] == "task" and o["name"] in nats), "Received", m(E, "Received"), "Processed", m(E, "Processed"), "+ crashed", task(nats, "crashed"))
print("  ok", task(nats, "ok"), m(E, "extract finished", "review finished"), "| retry", task(nats, "retry"), m(E, "next attempt in"), "| skipped", task(nats, "skipped"), m(E, "done already"), "| dead", task(nats, "error"), m(E, "failed for good"))
P = [d for d in J["jobs.log"] if "prune" not in json.dumps(d)]
print("Procrastinate runs", c(lambda o: o["kind"] == "task" and o["name"] in proc), "started", m(P, "Starting job"), "| ok", task(proc, "ok"), m(P, "status: Success"), "| retry", task(proc, "retry"), m(P, "to retry"), "| dead", task(proc, "error"), m([d for d in P if d.get("action") == "job_error"], ""), "| published", c(lambda o: o["kind"] == "queue_wait" and o["name"] in proc), m(E, "Deferred 1 job"))
mc = lambda pre, *outs: c(lambda o: o["kind"] == "model_call" and o["id"].startswith(pre) and (not outs or o["outcome"] in outs))
print("model calls app", mc("api"), "answered", m(J["api.log"], '"openai" answered', '"anthropic" answered'), "call failed", m(J["api.log"], "call failed"), "cancelled before an answer", c(lambda o: o["kind"] == "model_call" and o["id"].startswith("api") and o["outcome"] == "cancelled" and o["attrs"]["status"] is None))
print("model calls enrich", mc("enrich"), "HTTP lines", m(E, "HTTP Request: POST"), "+ timeout", mc("enrich", "timeout"), "+ crashed", mc("enrich", "crashed"), "| jobs", mc("jobs"), sum("9221/v1/embeddings" in msg(d) for d in P))
sdk = lambda pre: c(lambda o: o["kind"] == "retry_wait" and o["name"].startswith("backoff") and o["id"].startswith(pre))
print("SDK retries enrich", sdk("enrich"), m(E, "Retrying request"), "jobs", sdk("jobs"), m(P, "Retrying request"), "app", sdk("api"))
print("fallbacks", sum(len(t["fallbacks"]) for t in T), "app lines", m(J["api.log"], "falling back to"), "extract lines", m(E, ", trying claude"), "| tools", c(lambda o: o["kind"] == "tool"), m(E, "tool lookup", "tool list"), "| app writes", c(lambda o: o["kind"] == "db_write" and o["id"].startswith("api")), m(J["api.log"], "written in"))
print("schema: asked again", sum(t["retry_class"] == "semantic" for t in T), "lines app", m(J["api.log"], "asking again"), "extract", m(E, "does not validate"))
d, out, total = collections.defaultdict(list), collections.Counter(), 0
for t in T:
    for f, ns in t["lines"].items():
        for n in ns:
            l = J[f][n - 1]
            if not l: continue
            def near(name, kind, ms, pre=""):
                v = [(o["end"] - o["start"]) / 1e6 for o in t["ops"] if o["kind"] == kind and o["id"].startswith(pre)]
                d[name].append(min(abs(x - ms) for x in v) if v else 9e9)
            p = l.get("properties", {})
            if f == "api.log" and msg(l).startswith("<--"): near("app", "app", p["durationMs"])
            if "written in" in msg(l): near("app db_write", "db_write", p["durationMs"])
            if " answered " in msg(l) and p.get("status", 0) >= 400: near("app model_call", "model_call", p["durationMs"])
            if "lasted" in msg(l): near("jobs task", "task", float(re.search(r"lasted ([\d.]+) s", msg(l))[1]) * 1e3)
            if "finished" in msg(l) and f[0:6] == "enrich" and "job" in l: near("enrich task", "task", l["event"]["duration"] / 1e6)
            if msg(l).startswith("tool "): near("tool", "tool", l["event"]["duration"] / 1e6)
            if f.startswith("edge") and not t["aborted"]: near("edge", "edge", l["duration_us"] / 1e3)
            if f.startswith("feedback"): x = l["record"]["time"]["timestamp"]
            else: x = dt.datetime.fromisoformat((l.get("ts") or l.get("@timestamp") or l["time"]).replace("Z", "+00:00")).timestamp()
            total += 1
            ok = {"edge-access.log": ("edge",), "api.log": ("app",), "feedback.log": ("app",)}.get(f, ("task", "queue_wait"))
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
        want = {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "404": "rejected", "422": "rejected", "path": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if t["scenario"] == "con_mail_down": want = "ok"
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])
