import gzip, json, re, datetime as dt, collections
T = [json.loads(l) for l in gzip.open("truth/truth.jsonl.gz")]
L = {f: open("logs/" + f).read().split("\n") for f in ("app.log", "worker.log", "modelgate.log", "notifier.log")}
kinds = {"app.log": ("app", "tool", "db_write"), "worker.log": ("task",), "modelgate.log": ("app",), "notifier.log": ("task",)}
out, n = collections.Counter(), 0
for t in T:
    for f, ns in t["lines"].items():
        if f not in L: continue
        for k in ns:
            d = json.loads(L[f][k - 1])
            v = d.get("timestamp") or d.get("when") or d.get("time")
            x = v / 1e3 if isinstance(v, (int, float)) else dt.datetime.fromisoformat(v.replace("Z", "+00:00")).timestamp()
            n += 1
            if not any(o["kind"] in kinds[f] and o["start"] / 1e9 - .005 <= x <= o["end"] / 1e9 + .02 for o in t["ops"]):
                gap = min(min(abs(o["start"] / 1e9 - x), abs(o["end"] / 1e9 - x)) for o in t["ops"] if o["kind"] in kinds[f])
                out[f] += 1
                if gap > .1: print(f, k, t["scenario"], round(gap, 3), L[f][k - 1][:160])
print(n, "lines;", dict(out), "outside of their operations by more than 5/20 ms")
# durations the logs state against truth: writes of the app
for t in T:
    assert all(o["end"] >= o["start"] for o in t["ops"])
    e = [o for o in t["ops"] if o["kind"] == "edge"]
    a = [o for o in t["ops"] if o["kind"] == "app" and o["parent"] and o["parent"].startswith("edge")]
    if e and a and not t["aborted"]: assert e[0]["start"] <= a[0]["start"] and a[0]["end"] <= e[0]["end"] + 5e6, t["scenario"]
print({f: sum(len(t["lines"].get(f, [])) for t in T if not t["noise"]) for f in ["access.log", "apache-error.log", *L]})
