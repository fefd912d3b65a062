import gzip, json, datetime as dt, collections
T = [json.loads(l) for l in gzip.open("truth/truth.jsonl.gz")]
L = {f: open("logs/" + f).read().split("\n") for f in ("table.log", "sidekiq.log", "brain.log", "pantry.log")}
hop = lambda o: o["attrs"].get("hop")
inside = {"table.log": lambda o: o["kind"] == "app" and not hop(o), "sidekiq.log": lambda o: o["kind"] == "task", "brain.log": lambda o: hop(o) == "brain", "pantry.log": lambda o: hop(o) == "pantry"}
out, n = collections.Counter(), 0
for t in T:
    for f, ns in t["lines"].items():
        if f not in L: continue
        for k in ns:
            d = json.loads(L[f][k - 1])
            v = d.get("timestamp") or d.get("time") or d.get("ts")
            x = v / 1e3 if isinstance(v, (int, float)) else dt.datetime.fromisoformat(v.replace(",", ".").replace("Z", "")).replace(tzinfo=dt.timezone.utc).timestamp()
            n += 1
            if not any(inside[f](o) and o["start"] / 1e9 - .005 <= x <= o["end"] / 1e9 + .02 for o in t["ops"]):
                gap = min([min(abs(o["start"] / 1e9 - x), abs(o["end"] / 1e9 - x)) for o in t["ops"] if inside[f](o)] or [9e9])
                out[f] += 1
                if gap > .1: print(f, k, t["scenario"], round(gap, 3), L[f][k - 1][:160])
print(n, "lines;", dict(out), "outside of their operations by more than 5/20 ms")
for t in T:
    assert all(o["end"] >= o["start"] for o in t["ops"])
    e = [o for o in t["ops"] if o["kind"] == "edge"]
    a = [o for o in t["ops"] if o["kind"] == "app" and (o["parent"] or "").startswith("edge")]
    if e and a and not t["aborted"] and not (e[0]["start"] <= a[0]["start"] and a[0]["end"] <= e[0]["end"] + 5e6): print("app after edge", t["scenario"], (a[0]["end"] - e[0]["end"]) / 1e6)
    ids = {o["id"]: o for o in t["ops"]}
    for o in t["ops"]:
        if o["kind"] in ("model_call", "db_write", "tool", "retry_wait") and o["outcome"] != "retry" and o["parent"]:
            p = ids[o["parent"]]
            if not (p["start"] - 1e6 <= o["start"] and o["end"] <= p["end"] + 5e6): print("outside parent", t["scenario"], o["kind"], o["outcome"], (o["end"] - p["end"]) / 1e6)
print({f: sum(len(t["lines"].get(f, [])) for t in T if not t["noise"]) for f in ["envoy-access.log", *L]})
# stated durations against truth: import saves, table writes
import re
g = []
for t in T:
    w = sorted((o["end"] - o["start"]) / 1e6 for o in t["ops"] if o["kind"] == "db_write")
    for f in ("table.log", "sidekiq.log"):
        for k in t["lines"].get(f, []):
            m = re.search(r'(?:stored","duration":|saved [^"]* ms=|embedding stored [^"]* ms=)([\d.]+)', L[f][k - 1])
            if m: g.append(min(abs(float(m[1]) - x) for x in w))
print("writes with a stated duration", len(g), "of", sum(o["kind"] == "db_write" for t in T for o in t["ops"]), "largest difference ms", round(max(g), 1))
