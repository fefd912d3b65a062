#!/usr/bin/env python3
"""Puts the side channel of a run together: OUT/truth/truth.jsonl.gz and meta.json. Exits 1 when something does not add up.

    assemble.py BUILD OUT
"""
import collections, glob, gzip, json, os, re, sys

build, out = sys.argv[1:3]
KINDS = ["model_call", "db_write", "retry_wait", "tool", "task", "queue_wait", "app", "edge"]     # by priority
problems = []

recs = collections.defaultdict(list)
ops, crash, last_seen = {}, {}, collections.defaultdict(int)
for path in sorted(glob.glob(build + "/run/truth/*.jsonl")):
    process = os.path.basename(path)[:-6]
    for raw in open(path, encoding="utf-8"):
        r = json.loads(raw)
        r["process"] = process
        last_seen[process] = max(last_seen[process], r.get("at", 0))
        if r["t"] == "begin":
            ops[r["id"]] = {"id": r["id"], "parent": r["parent"] or None, "kind": r["kind"], "name": r["name"], "start": r["at"], "end": None, "ids": [],
                            "outcome": None, "attrs": dict(r["attrs"] or {}), "owner": r["o"], "process": process}
        elif r["t"] == "end":
            o = ops[r["id"]]
            o["end"], o["outcome"], o["ids"] = r["at"], r["outcome"], sorted(r.get("ids") or [])
            o["attrs"].update(r.get("attrs") or {})
        elif r["t"] == "crash":
            crash[f"{r['service']}-{r['pid']}"] = r["at"]
        else:
            recs[r["t"]].append(r)
for o in ops.values():
    if o["end"] is None:
        if o["process"] not in crash:
            problems.append(f"never ended: {o['id']} {o['kind']} {o['name']}")
        o["end"], o["outcome"] = max(crash.get(o["process"], 0), last_seen[o["process"]]), "crashed"
bad_calls = {r["call"] for r in recs["invalid"]}
for o in ops.values():
    if o["kind"] == "model_call" and o["attrs"].get("call") in bad_calls and o["outcome"] == "ok":
        o["outcome"] = "invalid"

# ---- waiting: for the first start, for the redelivery after a crash, and between attempts
prompts, by_message = collections.defaultdict(set), collections.defaultdict(list)
for o in list(ops.values()):
    if o["kind"] == "task":
        by_message[(o["owner"], o["attrs"].pop("id"))].append(o)
    if o["kind"] == "model_call":
        o["attrs"].pop("call", None)
        if p := o["attrs"].pop("prompt", ""):
            prompts[o["owner"]].add(p)
    if o["kind"] == "app":
        o["attrs"].pop("call", None)


def wait(o, suffix, kind, name, start, outcome, mid):
    w = {"id": o["id"] + suffix, "parent": o["parent"], "kind": kind, "name": name, "start": start, "end": o["start"], "ids": [mid], "outcome": outcome, "attrs": {}, "owner": o["owner"]}
    if w["end"] < w["start"]:
        problems.append(f"negative wait {w}")
    ops[w["id"]] = w


for (owner, mid), tasks in by_message.items():
    tasks.sort(key=lambda o: o["start"])
    published = min(o["attrs"].pop("published_at") for o in tasks)
    done = []
    for o in tasks:
        o["ids"] = [mid]
        a = o["attrs"]
        a["retries"] = a["attempt"] - 1
        redelivered = a.pop("redelivered")
        skipped = a.get("duplicate", False)
        a["duplicate"] = skipped
        before = [p for p in done if p["outcome"] != "skipped"]
        if not done:
            wait(o, "q", "queue_wait", o["name"], published, "ok", mid)
        elif before and before[-1]["outcome"] == "crashed":
            if not redelivered:
                problems.append(f"after a crash but not redelivered: {o['id']}")
            a["duplicate"] = True
            wait(o, "r", "queue_wait", "redelivery", before[-1]["end"], "redelivered", mid)
        elif before and a["attempt"] > before[-1]["attrs"]["attempt"]:
            wait(o, "w", "retry_wait", "task retry", before[-1]["end"], "retry", mid)
        elif before:
            a["duplicate"] = True
        done.append(o)

# ---- lines
owned, noise_lines, files, all_owned_text = collections.defaultdict(lambda: collections.defaultdict(list)), collections.Counter(), {}, {}
cont = collections.defaultdict(lambda: collections.defaultdict(list))
expected = collections.defaultdict(lambda: collections.defaultdict(collections.deque))
texts = collections.defaultdict(collections.Counter)
for r in recs["line"]:
    expected[r["f"]][r["x"].split("\n")[0]].append(r)
    texts[(r["f"], r["x"])][r["o"]] += 1
for (f, x), owners in texts.items():
    if len(owners) > 1:
        problems.append(f"same line, several owners: {f} {x[:120]}")
line_text = {}
for path in sorted(glob.glob(out + "/logs/*")):
    f = os.path.basename(path)
    lines = open(path, encoding="utf-8").read().split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    meta = {"lines": len(lines), "owned_records": 0, "unmatched_records": 0, "bytes": os.path.getsize(path)}
    n = 0
    while n < len(lines):
        found = expected[f].get(lines[n])
        if not found:
            meta["unmatched_records"] += 1
            noise_lines[f] += 1
            if f != "rabbit.log":
                problems.append(f"nobody wrote {f}:{n + 1}: {lines[n][:120]}")
            n += 1
            continue
        r = found.popleft()
        body = r["x"].split("\n")
        if lines[n:n + len(body)] != body:
            problems.append(f"record torn at {f}:{n + 1}")
        if r["o"]:
            meta["owned_records"] += 1
            owned[r["o"]][f].append(n + 1)
            line_text[(f, n + 1)] = r["x"]
            if len(body) > 1:
                cont[r["o"]][f] += range(n + 2, n + 1 + len(body))
        else:
            noise_lines[f] += 1
        n += len(body)
    files[f] = meta
    left = sum(len(q) for q in expected[f].values())
    if left > (1 if crash else 0):
        problems.append(f"{left} lines of {f} were never found")

# ---- requests
clients = {r["client"]: {k: r[k] for k in ("start", "end", "status", "aborted")} for r in recs["client"]}
facts = collections.defaultdict(lambda: collections.defaultdict(list))
for kind in ("retry", "fallback", "dead", "failed", "ids"):
    for r in recs[kind]:
        facts[r["o"]][kind].append(r)
by_owner = collections.defaultdict(list)
for o in ops.values():
    by_owner[o["owner"]].append(o)


def carries(text, i):
    kind, _, value = i.partition(":")
    if kind == "job":
        queue, n = value.split(":")
        return bool(re.search(rf'"job":{n}\b', text) and f'"queue":"{queue}"' in text or re.search(rf"\b{queue} job {n}\b", text))
    return value in text


def breakdown(its):
    iv = collections.defaultdict(list)
    for o in its:
        iv[o["kind"]].append((o["start"], o["end"]))
    total = {k: sum(e - s for s, e in v) for k, v in iv.items()}
    union, exclusive = {}, collections.Counter()
    for k, v in iv.items():
        end = busy = 0
        for s, e in sorted(v):
            busy += max(0, e - max(s, end))
            end = max(end, e)
        union[k] = busy
    cuts = sorted({x for v in iv.values() for p in v for x in p})
    for a, b in zip(cuts, cuts[1:]):
        for k in KINDS:
            if any(s <= a and e >= b for s, e in iv[k]):
                exclusive[k] += b - a
                break
    ms = lambda d: {k: round(d[k] / 1e6, 3) for k in reversed(KINDS) if k in d}
    return {"sum": ms(total), "union": ms(union), "exclusive": ms(exclusive)}


truth, link_count = [], collections.Counter()
for req in recs["request"]:
    k = req["o"]
    its, fact = sorted(by_owner[k], key=lambda o: (o["start"], o["kind"] != "edge")), facts[k]
    edge = [o for o in its if o["kind"] == "edge"]
    if len(edge) != 1 or its[0] is not edge[0]:
        problems.append(f"{k}: edges {len(edge)}")
    known = {o["id"] for o in its}
    for o in its:
        if o["parent"] and o["parent"] not in known:
            problems.append(f"{k}: parent of {o['id']} is unknown")
    ids = {"request:" + k} | {i for r in fact["ids"] for i in r["ids"]} | {i for o in its for i in o["ids"]}
    own_text = [line_text[(f, n)] for f, v in owned[k].items() for n in v]
    unlogged = {i for i in ids if not any(carries(t, i) for t in own_text)}
    linkability = {"indirect": [], "noid": []}
    for f in sorted(owned[k]):
        for n in owned[k][f]:
            t = line_text[(f, n)]
            how = "direct" if k in t else "indirect" if any(carries(t, i) for i in ids) else "noid"
            link_count[how] += not req["noise"]
            if how != "direct":
                linkability[how].append([f, n])
    model = [r for r in fact["retry"] if r["what"] == "model"]
    task = [r for r in fact["retry"] if r["what"] == "task"]
    again = sum(o["kind"] == "retry_wait" and o["name"] == "task retry" for o in its)
    if again != len(task):
        problems.append(f"{k}: {len(task)} tasks given back, {again} came again")
    status = edge[0]["attrs"]["status"]
    outcome = edge[0]["outcome"]
    if outcome == "ok":
        outcome = "dead_letter" if fact["dead"] else "error" if fact["failed"] else "ok"
    fallbacks = [{"from": r["from"], "to": r["to"], "ok": r["ok"]} for r in fact["fallback"]]
    n = len(model) + len(task)
    client = clients.get(req["client"])
    if client is None:
        problems.append(f"{k}: no client")
    elif (client["status"] != status) and not client["aborted"]:
        problems.append(f"{k}: client saw {client['status']}, edge said {status}")
    truth.append({
        "request_id": k, "key": k, "scenario": req["scenario"], "noise": req["noise"], "client_supplied_id": req.get("supplied", False),
        "start": its[0]["start"], "end": max(o["end"] for o in its), "outcome": outcome, "edge_status": status, "aborted": bool(client and client["aborted"]),
        "retried": n > 0, "model_retries": len(model), "task_retries": len(task), "retry_count": n,
        "retry_class": "none" if n == 0 else "semantic" if any(r["class"] == "semantic" for r in model + task) else "transient",
        "fallback": bool(fallbacks), "fallbacks": fallbacks, "degraded": any(f["ok"] for f in fallbacks), "dead_lettered": bool(fact["dead"]),
        "duplicate_delivery": any(o["attrs"].get("duplicate") for o in its), "models": sorted({o["name"] for o in its if o["kind"] == "model_call"}),
        "prompt_versions": sorted(prompts[k]), "ids": sorted(ids - unlogged), "ids_unlogged": sorted(unlogged),
        "ops": [{x: o[x] for x in ("id", "parent", "kind", "name", "start", "end", "ids", "outcome", "attrs")} for o in its],
        "client": [client] if client else [], "breakdown_ms": breakdown(its), "lines": {f: v for f, v in sorted(owned[k].items())},
        "cont": {f: v for f, v in sorted(cont[k].items())}, "linkability": {h: v for h, v in linkability.items() if v}})
truth.sort(key=lambda t: t["start"])
keys = {t["key"] for t in truth}
if len(keys) != len(truth):
    problems.append("a request id twice")
for k in set(owned) | set(by_owner):
    if k not in keys:
        problems.append(f"owner {k!r} is no request")

os.makedirs(out + "/truth", exist_ok=True)
with open(out + "/truth/truth.jsonl.gz", "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as z:
    for t in truth:
        z.write((json.dumps(t) + "\n").encode())
count = lambda what: dict(collections.Counter(t[what] for t in truth))
meta = {"name": "meeting-notes", "files": files, "clock_offsets": {}, "requests": len(truth), "scored": sum(not t["noise"] for t in truth), "scenarios": count("scenario"),
        "outcomes": dict(collections.Counter(t["outcome"] for t in truth if not t["noise"])), "owned_record_linkability": dict(link_count), "unknown_lines": {},
        "noise_lines": dict(noise_lines),
        "provider_calls": {"seen_by_provider": len(recs["provider"]), "in_truth": sum(o["kind"] == "model_call" for o in ops.values())},
        "sources": {"platform.ndjson": "gateway and billing, zerolog", "orchestrator.log": "zap", "aigateway.log": "logrus, JSON", "writer.log": "Rust, tracing-subscriber JSON",
                    "embedder.log": "Go standard library log, UTC", "rabbit.log": "RabbitMQ"}}
json.dump(meta, open(out + "/truth/meta.json", "w"), indent=1)
print(json.dumps({k: meta[k] for k in ("requests", "scored", "outcomes", "owned_record_linkability", "noise_lines", "provider_calls")}, indent=1))
for p in problems[:40]:
    print("PROBLEM", p)
print(len(problems), "problems")
sys.exit(bool(problems))
