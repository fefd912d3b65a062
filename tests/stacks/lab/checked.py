"""Truth against what the logs say by themselves: owners by id, and whether lines stand within their operations and tell their lengths."""
import collections
import gzip
import json
import re


def owners(files):
    """Requests, lines as text and as JSON, and operations; says where a line names another's id, or bears one and has no owner."""
    T = [json.loads(l) for l in gzip.open("truth/truth.jsonl.gz")]
    L = {f: open("logs/" + f).read().split("\n")[:-1] for f in files}
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
    for f in files:
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
    return T, L, J, ops


def stretches(T, L, J, tell, instant, kinds):
    """`tell(request, file, line, near)` calls `near(what, kind of operation, ms)` for each length of a line; `instant(line)`: its time; `kinds`: of operations a file tells."""
    d, out, total = collections.defaultdict(list), collections.Counter(), 0
    for t in T:
        for f, ns in t["lines"].items():
            for n in ns:
                l = J[f][n - 1]
                if not l: continue
                def near(name, kind, ms, pre=""):
                    v = [(o["end"] - o["start"]) / 1e6 for o in t["ops"] if o["kind"] == kind and o["id"].startswith(pre)]
                    d[name].append(min(abs(x - ms) for x in v) if v else 9e9)
                tell(t, f, l, near)
                x = instant(l)
                total += 1
                ok = kinds.get(f, ("task", "queue_wait"))
                gap = min([0 if o["start"] / 1e9 - .005 <= x <= o["end"] / 1e9 + .02 else min(abs(o["start"] / 1e9 - x), abs(o["end"] / 1e9 - x)) for o in t["ops"] if o["kind"] in ok] or [9e9])
                if gap:
                    out[f] += 1
                    if gap > .1: print("FAR", f, n, t["scenario"], round(gap, 3), L[f][n - 1][:200])
    for k, v in sorted(d.items()):
        v.sort(); print(f"{k:16} n {len(v):4} difference ms: median {v[len(v) // 2]:.2f} p90 {v[int(.9 * len(v))]:.2f} max {v[-1]:.1f}")
    print(total, "lines;", dict(out), "outside of their operations by more than 5/20 ms")


def nested(t):
    """Steps lie within what made them."""
    ids = {o["id"]: o for o in t["ops"]}
    for o in t["ops"]:
        p = ids.get(o["parent"])
        if p and (o["kind"] in ("model_call", "db_write", "tool") or "backoff" in o["name"]) and not (p["start"] - 1e6 <= o["start"] and o["end"] <= p["end"] + 5e6): print("outside parent", t["scenario"], o["kind"], o["name"], o["outcome"], round((o["end"] - p["end"]) / 1e6))
