"""Truth against what the logs say by themselves: counts and durations."""
import collections, gzip, json, re
T = [json.loads(l) for l in gzip.open("truth/truth.jsonl.gz")]
L = {f: open("logs/" + f).read().split("\n") for f in ("table.log", "sidekiq.log", "brain.log", "pantry.log", "envoy-access.log")}
ops = [(t, o) for t in T for o in t["ops"]]
c = lambda f: sum(1 for t, o in ops if f(o))
print("tasks", c(lambda o: o["kind"] == "task"), "start lines", sum('"msg":"start"' in l for l in L["sidekiq.log"]), "done+fail", sum('"msg":"done"' in l or '"msg":"fail"' in l for l in L["sidekiq.log"]), "crashed", c(lambda o: o["outcome"] == "crashed" and o["kind"] == "task"))
print("brain model calls with status", c(lambda o: o["kind"] == "model_call" and o["attrs"]["status"] and "embedding" not in o["name"]), "httpx2 lines", sum("HTTP Request: POST" in l and ":884" in l for l in L["brain.log"]))
print("SDK retry waits", c(lambda o: o["kind"] == "retry_wait" and "backoff" in o["name"]), "Retrying lines", sum("Retrying request" in l for l in L["brain.log"]), "+ embeddings", sum("retries left" in l for l in L["sidekiq.log"]))
print("pantry ops", c(lambda o: o["attrs"].get("hop") == "pantry"), "lines", sum("responseTime" in l for l in L["pantry.log"]))
print("brain ops", c(lambda o: o["attrs"].get("hop") == "brain"), "access lines", sum("uvicorn.access" in l for l in L["brain.log"]), "no access line (left):", c(lambda o: o["attrs"].get("hop") == "brain" and o["outcome"] == "client_disconnect"))
print("dead lines", sum("Adding dead" in l for l in L["sidekiq.log"]), "task errors", c(lambda o: o["kind"] == "task" and o["outcome"] == "error"))
d = collections.defaultdict(list)
for t in T:
    for f, ns in t["lines"].items():
        for n in ns:
            l = json.loads(L[f][n - 1])
            def near(kind, ms, hop=None):
                v = [(o["end"] - o["start"]) / 1e6 for o in t["ops"] if o["kind"] == kind and (hop is None or o["attrs"].get("hop") == hop)]
                d[f + " " + kind].append(min(abs(x - ms) for x in v) if v else 9e9)
            if f == "table.log" and "controller" in l: near("app", l["duration"])
            if f == "table.log" and l.get("message", "").endswith("stored"): near("db_write", l["duration"])
            if f == "table.log" and l.get("message") == "Pantry lookup": near("tool", l["duration"])
            if f == "sidekiq.log" and "elapsed" in l.get("ctx", {}): near("task", l["ctx"]["elapsed"] * 1e3)
            m = re.search(r"(?:saved|embedding stored) .*ms=([\d.]+)", str(l.get("msg")))
            if m: near("db_write", float(m[1]))
            if l.get("message") == "tool finished": near("tool", l["duration_ms"])
            if l.get("message") == "generation finished": near("app", l["duration_ms"], "brain")
            if f == "pantry.log" and "responseTime" in l: near("app", l["responseTime"], "pantry")
            if f == "envoy-access.log" and not t["aborted"]: near("edge", l["duration"])
for k, v in sorted(d.items()):
    v.sort(); print(f"{k:28} n {len(v):4} difference ms: median {v[len(v) // 2]:.2f} p90 {v[int(.9 * len(v))]:.2f} max {v[-1]:.1f}")
