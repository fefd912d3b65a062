"""Joins the side channel and the log files into logs + truth: build WORK OUT."""
import bisect
import collections
import glob
import gzip
import json
import os
import shutil
import sys

WORK, OUT = sys.argv[1:3]
LOGS, LAB = os.path.join(WORK, "logs"), os.path.join(WORK, "lab")
PRIORITY = ["model_call", "db_write", "retry_wait", "tool", "task", "queue_wait", "app", "edge"]
SOURCES = {
    "access.log": "Caddy, JSON access log, epoch seconds",
    "caddy.log": "Caddy, its own JSON log, epoch seconds",
    "app.log": "Flask app (two gunicorn workers), structlog, UTC",
    "worker.log": "two Huey consumers with four threads each, python-json-logger, UTC without zone",
    "gunicorn.log": "gunicorn, text",
    "redis.log": "Redis, text",
}


def load():
    rows = [json.loads(line) for f in glob.glob(os.path.join(LAB, "side-*.jsonl")) for line in open(f)]
    by = collections.defaultdict(list)
    for e in sorted(rows, key=lambda e: e["t"]):
        by[e["ev"]].append(e)
    return by


def union(iv):
    total, end = 0, None
    for s, e in sorted(iv):
        if end is None or s > end:
            total, end = total + e - s, e
        elif e > end:
            total, end = total + e - end, e
    return total


def breakdown(ops):
    cuts, excl = sorted({x for o in ops for x in (o["start"], o["end"])}), collections.Counter()
    for a, b in zip(cuts, cuts[1:]):
        kinds = {o["kind"] for o in ops if o["start"] <= a and o["end"] >= b}
        for k in PRIORITY:
            if k in kinds:
                excl[k] += b - a
                break
    kinds = [k for k in PRIORITY[::-1] if any(o["kind"] == k for o in ops)]
    ms = lambda ns: round(ns / 1e6, 3)
    return {
        "sum": {k: ms(sum(o["end"] - o["start"] for o in ops if o["kind"] == k)) for k in kinds},
        "union": {k: ms(union([(o["start"], o["end"]) for o in ops if o["kind"] == k])) for k in kinds},
        "exclusive": {k: ms(excl[k]) for k in PRIORITY if excl[k]},
    }


class Request:
    def __init__(self, key):
        self.key, self.rid, self.trace, self.noise, self.scenario, self.client = key, None, None, False, "health", []
        self.ops, self.ids, self.lines, self.texts = [], set(), collections.defaultdict(list), {}
        self.app, self.edge, self.aborted, self.prompts, self.dup = None, None, False, set(), False


ev = load()
R = {}
req = lambda key: R.setdefault(key, Request(key))
kills = {e["victim"]: e["t"] for e in ev["kill"]}
ends = {e["op"]: e for k in ("model_end", "db_end", "task_end", "app_end") for e in ev[k]}


def end_of(e):
    """-> (end, end event or None). Only a killed process leaves an operation open."""
    x = ends.get(e["op"])
    if x:
        return x["t"], x
    assert e["pid"] in kills, ("never ended", e)
    return kills[e["pid"]], None


def op(r, ident, parent, kind, name, start, end, outcome, ids=(), **attrs):
    o = {"id": ident, "parent": parent, "kind": kind, "name": name, "start": start, "end": end, "outcome": outcome, "ids": list(ids), "attrs": attrs}
    assert end >= start, o
    r.ops.append(o)
    return o


def word_of(status):
    return "ok" if status < 400 else "rejected" if status < 500 else "timeout" if status == 504 else "error"


for e in ev["client"]:
    r = req(e["key"])
    r.scenario, r.noise, r.aborted = e["scenario"], e["scenario"] in ("health", "edge_404"), e["aborted"]
    r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})

# ---- edge: Caddy's own clock, in nanoseconds, through its second log
edge_entries = []
for line in open(os.path.join(LAB, "caddy-lab.jsonl")):
    e = json.loads(line)
    if not e["logger"].startswith("http.log.access"):
        continue
    h = e["request"]["headers"]
    r = req(h["X-Lab-Key"][0])
    end, status = e["ts"], e["status"]
    start = end - int(e["duration"] * 1e9)
    outcome = "client_disconnect" if r.aborted else word_of(status)
    c = r.client[0]
    assert c["start"] - 2e6 <= start and (r.aborted or end <= c["end"] + 5e6), ("edge outside of the client's times", r.key, start - c["start"], c["end"] - end)
    r.edge = op(r, f"edge-{len(edge_entries) + 1}", None, "edge", e["request"]["method"] + " " + e["request"]["uri"], start, end, outcome, status=status)
    if "Traceparent" in h:
        r.ids.add("trace:" + h["Traceparent"][0].split("-")[1])
        r.edge["ids"].append("trace:" + h["Traceparent"][0].split("-")[1])
    edge_entries.append((e["ts"] / 1e9, e["duration"], e["request"]["uri"], r.key))

for e in ev["app_start"]:
    r, x = req(e["key"]), ends[e["op"]]
    r.rid = x["request_id"]
    r.ids.add("request:" + r.rid)
    if not r.edge:
        assert not r.client
        r.noise, r.scenario = True, "health_internal"
    r.app = op(r, e["op"], r.edge and r.edge["id"], "app", e["name"], e["t"], x["t"], word_of(x["status"]), ["request:" + r.rid], status=x["status"])

for e in ev["db_start"]:
    end, x = end_of(e)
    op(req(e["key"]), e["op"], e["parent"], "db_write", e["table"], e["t"], end, "crashed" if not x else "ok" if x["ok"] else "error")

# ---- model calls and the waits between them
calls = collections.defaultdict(list)
for e in ev["model_start"]:
    calls[e["parent"]].append(e)
sleeps = collections.defaultdict(list)
for e in ev["sleep"]:
    sleeps[e["parent"]].append(e)
stats = collections.defaultdict(lambda: {"model_retries": 0, "semantic": False, "transient": False, "fallbacks": [], "last_ok": None})
for parent, seq in calls.items():
    prev, s = None, stats[parent]
    for n, e in enumerate(seq, 1):
        r = req(e["key"])
        end, x = end_of(e)
        status = x and x.get("status")
        outcome = "crashed" if not x else "timeout" if x.get("error") == "timeout" else "broken" if status is None else "ok" if status < 400 else "rate_limited" if status == 429 else "server_error"
        ids = ["call:" + v for v in ((x or {}).get("id"), (x or {}).get("rid")) if v]
        r.ids.update(ids)
        r.prompts.add(e["prompt"])
        first = seq[0]["model"]
        o = op(r, e["op"], parent, "model_call", e["model"], e["t"], end, outcome, ids, status=status, stream=False, attempt=n, fallback_from=first if e["model"] != first else None)
        if outcome == "ok":
            s["last_ok"] = e["model"]
        if prev:
            why = "invalid" if prev["outcome"] == "ok" else prev["outcome"]
            if any(z["start"] >= prev["end"] and z["t"] <= o["start"] for z in sleeps[parent]):
                op(r, e["op"] + "w", parent, "retry_wait", f"backoff before attempt {n}", prev["end"], o["start"], why)
            if e["model"] == prev["name"]:
                s["model_retries"] += 1
                s["semantic" if why == "invalid" else "transient"] = True
            else:
                s["fallbacks"].append([prev["name"], e["model"]])
        prev = o

# ---- tasks
runs, published = collections.defaultdict(list), {}
for e in ev["publish"]:
    if e["first"]:
        published[e["task"]] = e
for e in ev["task_start"]:
    runs[e["task"]].append(e)
twice = {e["task"] for e in ev["duplicate"]}
task_words = collections.defaultdict(lambda: {"task_retries": 0, "semantic": False, "transient": False, "dead": False, "failed": False, "crashed": False})
lost = []
for task, p in published.items():
    r, ident, w = req(p["key"]), "task:" + task, task_words[p["key"]]
    r.ids.add(ident)
    crashed, done = [], []
    if not runs[task]:
        lost.append(task)
    for n, e in enumerate(runs[task]):
        end, x = end_of(e)
        outcome, attempt, dup = ("crashed" if not x else x["outcome"]), e["default"] - e["left"] + 1, False
        if x and x["value"] == "filtered":
            outcome, w["failed"] = "error", True
        if n == 0:
            op(r, e["op"] + "q", e["parent"], "queue_wait", e["name"], p["t"], e["t"], "ok", [ident])
        elif crashed and crashed[-1] <= e["t"]:
            op(r, e["op"] + "r", e["parent"], "queue_wait", "redelivery", crashed.pop(), e["t"], "redelivered", [ident])
            dup = r.dup = True
        elif any(d["left"] == e["left"] for d in done):
            assert task in twice, ("an execution nobody ordered", e)
            dup = r.dup = True
        else:
            before = [d for d in done if d["left"] == e["left"] + 1][-1]
            assert before["outcome"] == "retry"
            op(r, e["op"] + "w", e["parent"], "retry_wait", "task retry", before["end"], e["t"], "retry", [ident])
            w["task_retries"] += 1
            w["semantic" if before["exc"] == "ValueError" else "transient"] = True
        op(r, e["op"], e["parent"], "task", e["name"], e["t"], end, outcome, [ident], attempt=attempt, duplicate=dup)
        if not x:
            crashed.append(end)
        if outcome == "error" and not w["failed"]:
            w["dead"] = True
        done.append({"left": e["left"], "outcome": outcome, "end": end, "exc": x and x.get("exc")})
    if crashed:
        lost.append(task)
assert not lost, ("tasks that never ran or never came back", lost)

# ---- lines
texts = {f: open(os.path.join(LOGS, f), "rb").read() for f in sorted(SOURCES)}
starts = {f: [0] + [i + 1 for i, c in enumerate(b) if c == 10][:-1 if b.endswith(b"\n") else None] for f, b in texts.items()}
owned, accounted = collections.defaultdict(dict), collections.defaultdict(set)
for e in ev["line"]:
    f, off, end = e["file"], e["off"], e["off"] + e["len"]
    if end > len(texts[f]):
        continue                                         # noted, but the process was killed before it wrote
    n = bisect.bisect_left(starts[f], off)
    assert starts[f][n] == off and texts[f][off:end].count(b"\n") == 1 and texts[f][end - 1] == 10, e
    accounted[f].add(n + 1)
    if e["key"]:
        owned[f][n + 1] = e["key"]
free = sorted(edge_entries)
for n, raw in enumerate(texts["access.log"].splitlines(), 1):
    d = json.loads(raw)
    hits = [x for x in free if abs(x[0] - d["ts"]) < 1e-6 and abs(x[1] - d["duration"]) < 1e-9 and x[2] == d["request"]["uri"]]
    assert len(hits) == 1, (n, hits)
    free.remove(hits[0])
    owned["access.log"][n] = hits[0][3]
    accounted["access.log"].add(n)
assert not free
for f in ("app.log", "worker.log"):
    assert len(accounted[f]) == len(starts[f]), f
for f, ns in owned.items():
    for n in sorted(ns):
        r = req(ns[n])
        r.lines[f].append(n)
        a = starts[f][n - 1]
        r.texts[(f, n)] = texts[f][a:texts[f].index(b"\n", a)].decode()

# ---- one object a request
truth, link_counts = [], collections.Counter()
for r in R.values():
    assert r.ops, r.key
    r.ops.sort(key=lambda o: o["start"])
    key = r.rid if r.scenario == "health_internal" else r.key
    own = [stats[o["id"]] for o in r.ops if o["id"] in stats]
    w = task_words[r.key]
    fallbacks = []
    for o in r.ops:
        for a, b in stats[o["id"]]["fallbacks"] if o["id"] in stats else []:
            ok = stats[o["id"]]["last_ok"] == b
            old = next((x for x in fallbacks if (x["from"], x["to"]) == (a, b)), None)
            if old:
                old["ok"] = old["ok"] or ok
            else:
                fallbacks.append({"from": a, "to": b, "ok": ok})
    model_retries, retries = sum(s["model_retries"] for s in own), w["task_retries"]
    semantic, transient = w["semantic"] or any(s["semantic"] for s in own), w["transient"] or any(s["transient"] for s in own)
    status = r.edge["attrs"]["status"] if r.edge else r.app["attrs"]["status"]
    outcome = "client_disconnect" if r.aborted else word_of(status) if status >= 400 else "dead_letter" if w["dead"] else "error" if w["failed"] else "ok"
    everything = "\n".join(r.texts.values())
    logged = {i for i in r.ids if i.split(":", 1)[1] in everything}
    link = collections.defaultdict(list)
    for (f, n), text in sorted(r.texts.items()):
        kind = "direct" if r.rid and r.rid in text else "indirect" if any(i.split(":", 1)[1] in text for i in logged) else "noid"
        link_counts[kind] += 1
        if kind != "direct":
            link[kind].append([f, n])
    if r.rid:
        assert r.rid in everything
    truth.append({
        "request_id": r.rid, "key": r.rid or key, "scenario": r.scenario, "noise": r.noise, "client_supplied_id": False,
        "start": r.ops[0]["start"], "end": max(o["end"] for o in r.ops), "outcome": outcome, "edge_status": r.edge["attrs"]["status"] if r.edge else None, "aborted": r.aborted,
        "retried": model_retries + retries > 0, "model_retries": model_retries, "task_retries": retries, "retry_count": model_retries + retries,
        "retry_class": "semantic" if semantic else "transient" if transient else "none",
        "fallback": bool(fallbacks), "fallbacks": fallbacks, "degraded": any(f["ok"] for f in fallbacks), "dead_lettered": w["dead"], "duplicate_delivery": r.dup,
        "models": sorted({o["name"] for o in r.ops if o["kind"] == "model_call"}), "prompt_versions": sorted(r.prompts),
        "ids": sorted(logged), "ids_unlogged": sorted(r.ids - logged), "ops": r.ops, "client": r.client, "breakdown_ms": breakdown(r.ops),
        "lines": {f: ns for f, ns in sorted(r.lines.items())}, "cont": {}, "linkability": dict(link),
    })
truth.sort(key=lambda t: t["start"])
idents = [o["id"] for t in truth for o in t["ops"]]
assert len(idents) == len(set(idents))
for t in truth:
    mine = {o["id"] for o in t["ops"]}
    assert all(o["parent"] is None or o["parent"] in mine for o in t["ops"]), t["key"]

os.makedirs(os.path.join(OUT, "logs"), exist_ok=True)
os.makedirs(os.path.join(OUT, "truth"), exist_ok=True)
for f in SOURCES:
    shutil.copyfile(os.path.join(LOGS, f), os.path.join(OUT, "logs", f))
with open(os.path.join(OUT, "truth", "truth.jsonl.gz"), "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as z:
    for t in truth:
        z.write((json.dumps(t, separators=(",", ":")) + "\n").encode())
count = lambda it: dict(collections.Counter(it).most_common())
meta = {
    "name": "redline",
    "files": {f: {"lines": len(starts[f]) if texts[f] else 0, "owned_records": len(owned[f]), "unmatched_records": 0 if f in accounted else len(starts[f]), "bytes": len(texts[f])} for f in SOURCES},
    "clock_offsets": {}, "requests": len(truth), "scenarios": count(t["scenario"] for t in truth), "outcomes": count(t["outcome"] for t in truth if not t["noise"]),
    "owned_record_linkability": dict(link_counts), "unknown_lines": {},
    "provider_calls": {"seen_by_provider": len(ev["provider"]), "in_truth": sum(o["kind"] == "model_call" for t in truth for o in t["ops"])},
    "sources": SOURCES,
}
with open(os.path.join(OUT, "truth", "meta.json"), "w") as f:
    json.dump(meta, f, indent=1)
    f.write("\n")
print(json.dumps(meta, indent=1))
