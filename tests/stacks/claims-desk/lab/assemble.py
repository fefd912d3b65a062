#!/usr/bin/env python3
"""Joins the side channel and the logs of a run: assemble.py BUILD OUT. Exits 1 when something does not add up."""
import collections, glob, gzip, json, os, re, shutil, sys

build, out = sys.argv[1:3]
KINDS = ["model_call", "db_write", "retry_wait", "tool", "task", "queue_wait", "app", "edge"]     # by priority
SOURCES = {"edge.log": "nginx, JSON access log", "nginx-error.log": "nginx, text", "claims-api.log": "Django, django-structlog, two gunicorn processes, UTC",
           "claims-worker.log": "two Node workers (pg-boss), winston JSON", "llm-gateway.log": "Hono, pino with Google severity names", "policies.log": "FastAPI, Elastic Common Schema",
           "gunicorn.log": "gunicorn, text", "postgresql.json": "PostgreSQL, jsonlog"}
BACKGROUND = {"gunicorn.log", "postgresql.json", "nginx-error.log"}        # lines without a side record are allowed here
problems, recs, ops, last_seen = [], collections.defaultdict(list), {}, collections.defaultdict(int)
word_of = lambda s: "ok" if s < 400 else "rejected" if s < 500 else "timeout" if s == 504 else "error"

# ---- read
for path in sorted(glob.glob(build + "/side/*.jsonl")):
    process = os.path.basename(path)[:-6]
    for raw in open(path, encoding="utf-8"):
        r = json.loads(raw)
        if "at" in r:
            r["at"] = int(r["at"])
            last_seen[process] = max(last_seen[process], r["at"])
        r["src"] = process
        if r["t"] == "begin":
            ops[r["id"]] = {"id": r["id"], "parent": r["parent"], "kind": r["kind"], "name": r["name"], "start": r["at"], "end": None, "ids": [], "outcome": None,
                            "attrs": r["attrs"], "owner": r["o"], "process": process}
        elif r["t"] == "end":
            o = ops[r["id"]]
            o.update(end=r["at"], outcome=r["outcome"], ids=r["ids"])
            o["attrs"].update(r["attrs"])
        else:
            recs[r["t"]].append(r)
crash = {r["process"]: r["at"] for r in recs["crash"]}
cut = []
for o in ops.values():
    if o["end"] is None:
        if o["process"] not in crash:
            problems.append(f"never ended: {o}")
        o["end"], o["outcome"] = crash.get(o["process"], last_seen[o["process"]]), "crashed"
        cut.append((o["process"], o["kind"], o["name"]))
    if o["end"] < o["start"]:
        problems.append(f"ends before it starts: {o}")
bad_calls = {r["call"] for r in recs["invalid"]}
prompts = collections.defaultdict(set)
for o in ops.values():
    if o["kind"] == "model_call":
        if o["attrs"].pop("call") in bad_calls and o["outcome"] == "ok":
            o["outcome"] = "invalid"
        prompts[o["owner"]].add(o["attrs"].pop("prompt"))
    if o["kind"] == "app":
        o["attrs"].pop("call", None)

# ---- edge: nginx' own times
nonces, clients = {r["n"]: r["scenario"] for r in recs["nonce"]}, {r["n"]: r for r in recs["client"]}
import base64
edges = {}
for n, raw in enumerate(open(build + "/side/nginx.edge"), 1):
    e = json.loads(raw)
    nonce = json.loads(base64.b64decode(e["side"]))["n"]
    c = clients[nonce]
    ms = lambda s: int(round(float(s) * 1000)) * 1000000
    end = ms(e["msec"])
    start = end - ms(e["rt"])
    if e["rid"] in edges:
        problems.append("a request id twice at the edge")
    outcome = "client_disconnect" if e["status"] == 499 else word_of(e["status"])
    if c["aborted"] != (e["status"] == 499):
        problems.append(f"client left {c['aborted']}, edge says {e['status']}")
    if not c["aborted"] and c["status"] != e["status"]:
        problems.append(f"client saw {c['status']}, edge {e['status']}")
    if start < c["start"] - 5e6 or (not c["aborted"] and end > c["end"] + 30e6):
        problems.append(f"edge outside of the client's times: {start - c['start']} {c['end'] - end}")
    ids = ["request:" + e["rid"]]
    ops[f"edge-{n}"] = {"id": f"edge-{n}", "parent": None, "kind": "edge", "name": f"{e['method']} {e['uri']}", "start": start, "end": end, "ids": ids, "outcome": outcome,
                        "attrs": {"status": e["status"]}, "owner": e["rid"]}
    edges[e["rid"]] = {"op": f"edge-{n}", "nonce": nonce, "scenario": nonces[nonce], "conn": e["conn"], "status": e["status"], "outcome": outcome, "upstream": e["upstream"]}
for o in ops.values():
    if o["kind"] == "app" and o["parent"] is None:
        if o["owner"] not in edges:
            problems.append(f"app without edge {o['id']}")
        else:
            o["parent"] = edges[o["owner"]]["op"]

# ---- tasks: waiting for the first start, for the redelivery after a crash, between attempts
published = {}
for r in sorted(recs["publish"], key=lambda r: r["at"]):
    published.setdefault(r["job"], r)
runs = collections.defaultdict(list)
for o in list(ops.values()):
    if o["kind"] == "task":
        runs[o["attrs"].pop("id")].append(o)
lost = set(published) - set(runs)
if lost:
    problems.append(f"published, never run: {lost}")
task_fail, dead, ran_dup, redelivered = collections.defaultdict(list), set(), [], []


def wait(o, suffix, kind, name, start, outcome, job):
    if start > o["start"]:
        problems.append(f"negative {kind} of {o['id']}: {(start - o['start']) / 1e6} ms")
    ops[o["id"] + suffix] = {"id": o["id"] + suffix, "parent": o["parent"], "kind": kind, "name": name, "start": min(start, o["start"]), "end": o["start"], "ids": ["task:" + job],
                             "outcome": outcome, "attrs": {}, "owner": o["owner"]}


for job, its in runs.items():
    its.sort(key=lambda o: o["start"])
    p = published[job]
    for n, o in enumerate(its):
        o["parent"], o["ids"], before, a = p["parent"], ["task:" + job], its[:n], o["attrs"]
        a["duplicate"] = False
        failed = [x for x in before if x["outcome"] == "error" and x["end"] <= o["start"]]
        if not before:
            # a dead letter's publication is known to the millisecond, rounded down, from the database
            wait(o, "q", "queue_wait", o["name"], p["at"], "ok", job)
        elif before[-1]["outcome"] == "crashed":
            a["duplicate"] = True
            redelivered.append(job)
            wait(o, "r", "queue_wait", "redelivery", before[-1]["end"], "redelivered", job)
        elif failed and failed[-1] is before[-1]:
            wait(o, "w", "retry_wait", "task retry", before[-1]["end"], "retry", job)
            task_fail[o["owner"]].append(before[-1]["attrs"]["failure"])
        else:
            a["duplicate"] = True
            ran_dup.append((job, o["name"]))
    if its[0]["name"] == "dead-letter":
        dead.add(its[0]["owner"])
        its[0]["attrs"].pop("failure", None)
    last = its[-1]
    if last["outcome"] == "error" and not any(x["outcome"] == "ok" for x in its) and not last["attrs"].get("final"):
        problems.append(f"failed, not final, and never came again: {job} {last}")
for r in runs.values():
    for o in r:
        o["attrs"].pop("final", None)
        o["attrs"]["retries"] = o["attrs"]["attempt"] - 1

# ---- lines
owned, cont, noise_lines, files, text_of = collections.defaultdict(lambda: collections.defaultdict(list)), {}, collections.Counter(), {}, {}
expected, owners_of = collections.defaultdict(lambda: collections.defaultdict(collections.deque)), collections.defaultdict(set)
for r in recs["line"]:
    if "\n" in r["x"]:
        problems.append("a record of several lines")
    expected[r["f"]][r["x"]].append(r)
    owners_of[(r["f"], r["x"])].add(r["o"])
for k, v in owners_of.items():
    if len(v) > 1:
        problems.append(f"same line, several owners: {k} {v}")
by_conn = {e["conn"]: rid for rid, e in edges.items()}
if len(by_conn) != len(edges):
    problems.append("a connection served several requests")
for f in sorted(os.listdir(build + "/logs")):
    if f not in SOURCES:
        problems.append(f"unknown file {f}")
    raw = open(f"{build}/logs/{f}", encoding="utf-8").read()
    if raw and not raw.endswith("\n"):
        problems.append(f"{f} does not end with a line end")
    lines = raw.split("\n")[:-1]
    meta = {"lines": len(lines), "owned_records": 0, "unmatched_records": 0, "bytes": len(raw.encode())}
    for n, x in enumerate(lines, 1):
        if f == "edge.log":
            who = json.loads(x)["rid"]
            if who not in edges or any(text_of.get((f, m)) and who in text_of[(f, m)] for m in owned[who].get(f, [])):
                problems.append(f"edge line of nobody or twice: {x}")
        elif f == "nginx-error.log":
            m = re.search(r" \*(\d+) ", x)
            who = by_conn.get(int(m[1])) if m else None
            if m and not who:
                problems.append(f"nginx error of nobody: {x}")
            if who and edges[who]["scenario"] and (um := re.search(r'request: "(\S+ \S+) ', x)) and um[1] != ops[edges[who]["op"]]["name"]:
                problems.append(f"nginx error of another request: {x}")
            meta["unmatched_records"] += not m
        else:
            q = expected[f].get(x)
            if q:
                who = q.popleft()["o"]
            else:
                who = None
                meta["unmatched_records"] += 1
                if f not in BACKGROUND:
                    problems.append(f"nobody wrote {f}:{n}: {x[:150]}")
        if who:
            meta["owned_records"] += 1
            owned[who][f].append(n)
            text_of[(f, n)] = x
        else:
            noise_lines[f] += 1
    files[f] = meta
for f, q in expected.items():
    left = [r for v in q.values() for r in v]
    if [r for r in left if r["src"] not in crash] or len(left) > 1:
        problems.append(f"{len(left)} lines of {f} noted, not found: {left[:2]}")

# ---- requests
facts = collections.defaultdict(lambda: collections.defaultdict(list))
for kind in ("retry", "fallback", "ids", "neutral"):
    for r in recs[kind]:
        facts[r["o"]][kind].append(r)
by_owner = collections.defaultdict(list)
for o in ops.values():
    by_owner[o["owner"]].append(o)


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
    covered = 0
    end = 0
    for s, e in sorted(p for v in iv.values() for p in v):
        covered += max(0, e - max(s, end))
        end = max(end, e)
    if sum(exclusive.values()) != covered:
        problems.append("exclusive times do not add up")
    ms = lambda d: {k: round(d[k] / 1e6, 3) for k in reversed(KINDS) if k in d}
    return {"sum": ms(total), "union": ms(union), "exclusive": ms(exclusive)}


truth, link_count = [], collections.Counter()
for k, e in edges.items():
    its, fact = sorted(by_owner[k], key=lambda o: (o["start"], o["kind"] != "edge")), facts[k]
    edge = next(o for o in its if o["kind"] == "edge")
    its.remove(edge)
    if its and its[0]["start"] < edge["start"] - 2e6:
        problems.append(f"{its[0]['id']} starts {(edge['start'] - its[0]['start']) / 1e6} ms before the edge")
    its.insert(0, edge)
    known = {o["id"] for o in its}
    for o in its:
        if o is not edge and o["parent"] not in known:
            problems.append(f"parent of {o['id']} is unknown: {o['parent']}")
    noise = e["scenario"] in ("health", "edge_404")
    ids = {i for r in fact["ids"] for i in r["ids"]} | {i for o in its for i in o["ids"]}
    neutral = {"record:" + i for r in fact["neutral"] for i in r["ids"]}
    for o in its:
        o["ids"] = [i for i in o["ids"]]
    texts = [text_of[(f, n)] for f, v in owned[k].items() for n in v]
    named = {i for i in ids if any(i.split(":", 1)[1] in t for t in texts)}
    if "request:" + k not in named:
        problems.append(f"{k} stands in no line")
    link = collections.defaultdict(list)
    for f in sorted(owned[k]):
        for n in owned[k][f]:
            t = text_of[(f, n)]
            how = "direct" if k in t else "indirect" if any(i.split(":", 1)[1] in t for i in named) else "noid"
            link_count[how] += not noise
            if how != "direct":
                link[how].append([f, n])
    model = [r["class"] for r in fact["retry"]]
    n_retry = len(model) + len(task_fail[k])
    fallbacks = [{"from": r["from"], "to": r["to"], "ok": r["ok"]} for r in fact["fallback"]]
    # cross-checks: each counted retry is a call that was made
    calls = [o for o in its if o["kind"] == "model_call"]
    again = sum(o["attrs"]["attempt"] > 1 for o in calls)
    if again != model.count("transient"):
        problems.append(f"{k}: {model.count('transient')} transient retries, {again} calls with attempt > 1")
    if sum(o["kind"] == "retry_wait" and o["name"].startswith("backoff") for o in its) != again:
        problems.append(f"{k}: waits and retried calls differ")
    if sum(o["attrs"]["attempt"] == 1 and o["attrs"]["fallback_from"] is not None for o in calls) != len(fallbacks):
        problems.append(f"{k}: fallbacks differ")
    outcome = edge["outcome"]
    if outcome == "ok" and k in dead:
        outcome = "dead_letter"
    final_error = outcome == "ok" and any(o["kind"] == "task" and o["outcome"] == "error" and o["attrs"].get("failed_for_good") for o in its)
    if final_error:
        problems.append(f"{k}: failed for good without dead letter")
    c = clients[e["nonce"]]
    classes = model + task_fail[k]
    truth.append({
        "request_id": k, "key": k, "scenario": e["scenario"], "noise": noise, "client_supplied_id": False, "start": min(o["start"] for o in its), "end": max(o["end"] for o in its),
        "outcome": outcome, "edge_status": e["status"], "aborted": c["aborted"], "retried": n_retry > 0, "model_retries": len(model), "task_retries": len(task_fail[k]), "retry_count": n_retry,
        "retry_class": "none" if not classes else "semantic" if "semantic" in classes else "transient", "fallback": bool(fallbacks), "fallbacks": fallbacks,
        "degraded": any(x["ok"] for x in fallbacks), "dead_lettered": k in dead, "duplicate_delivery": any(o["attrs"].get("duplicate") for o in its),
        "models": sorted({o["name"] for o in calls}), "prompt_versions": sorted(prompts[k]), "ids": sorted(named), "ids_unlogged": sorted((ids - named) | neutral),
        "ops": [{x: o[x] for x in ("id", "parent", "kind", "name", "start", "end", "ids", "outcome", "attrs")} for o in its],
        "client": [{x: c[x] for x in ("start", "end", "status", "aborted")}], "breakdown_ms": breakdown(its), "lines": {f: v for f, v in sorted(owned[k].items())}, "cont": {},
        "linkability": dict(link)})
truth.sort(key=lambda t: t["start"])
for k in set(owned) | set(by_owner):
    if k not in edges:
        problems.append(f"owner {k!r} is no request")
n_owned = sum(len(v) for t in truth for v in t["lines"].values())
if n_owned + sum(noise_lines.values()) != sum(m["lines"] for m in files.values()) or n_owned != sum(m["owned_records"] for m in files.values()):
    problems.append("lines owned and lines of nobody do not add up to all lines")
provider_seen = sum(1 for _ in open(build + "/side/providers.count"))
in_truth = sum(o["kind"] == "model_call" for t in truth for o in t["ops"])
if provider_seen != in_truth:
    problems.append(f"the providers saw {provider_seen} calls, truth has {in_truth}")
if len(edges) != len(clients):
    problems.append(f"{len(clients)} clients, {len(edges)} edge records")

shutil.rmtree(out + "/logs", ignore_errors=True)
shutil.copytree(build + "/logs", out + "/logs")
os.makedirs(out + "/truth", exist_ok=True)
with open(out + "/truth/truth.jsonl.gz", "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0, filename="") as z:
    for t in truth:
        z.write((json.dumps(t) + "\n").encode())
scored = [t for t in truth if not t["noise"]]
spans = collections.Counter(o["kind"] for t in scored for o in t["ops"])
meta = {"name": "claims-desk", "files": files, "clock_offsets": {}, "requests": len(truth), "scored": len(scored), "scenarios": dict(collections.Counter(t["scenario"] for t in truth)),
        "outcomes": dict(collections.Counter(t["outcome"] for t in scored)), "owned_record_linkability": dict(link_count), "unknown_lines": {}, "noise_lines": dict(noise_lines),
        "spans": dict(spans), "provider_calls": {"seen_by_provider": provider_seen, "in_truth": in_truth}, "sources": SOURCES}
json.dump(meta, open(out + "/truth/meta.json", "w"), indent=1)
print(json.dumps({k: v for k, v in meta.items() if k not in ("sources", "scenarios")}, indent=None))
flag = lambda f: sum(bool(t[f]) for t in scored)
print({f: flag(f) for f in ("retried", "model_retries", "task_retries", "fallback", "degraded", "dead_lettered", "duplicate_delivery", "aborted")}, collections.Counter(t["retry_class"] for t in scored))
print("cut by the kill:", cut, "redelivered:", len(redelivered), "run twice:", len(ran_dup), collections.Counter(n for _, n in ran_dup))
print("model_call outcomes", collections.Counter(o["outcome"] for t in scored for o in t["ops"] if o["kind"] == "model_call"), "tasks", collections.Counter((o["name"], o["outcome"]) for t in scored for o in t["ops"] if o["kind"] == "task"))
active = sorted([(t["start"], 1) for t in scored] + [(t["end"], -1) for t in scored])
level, share, prev = 0, collections.Counter(), None
for at, d in active:
    if prev is not None:
        share[level] += at - prev
    level, prev = level + d, at
print("requests in flight (to completion), share of time:", {k: round(v / sum(share.values()), 3) for k, v in sorted(share.items())})
for p in problems[:40]:
    print("PROBLEM", str(p)[:600])
print(len(problems), "problems")
sys.exit(bool(problems))
