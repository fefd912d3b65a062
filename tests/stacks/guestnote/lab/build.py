"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, an operation no end, a parent is missing, times do not add up."""
import bisect, collections, datetime as dt, json, os, re
from .record import LAB, R, end_of, ended_by, ev, kills, op, req, word
from .truth import breakdown, write
LOGS, OUT = "logs", "truth"
TAPPED = ["api.log", "worker-1.log", "worker-2.log", "board.log"]
FILES = ["edge-access.log"] + TAPPED
assert not ev["conflict"], ev["conflict"][0]
ended_by("model_end", "db_end", "task_end", "app_end", "tool_end")
# ---- the edge, measured at the client
diffs = []
edge = {}                                                     # the edge's own line of a request, by the id it made
for n, l in enumerate(open(LOGS + "/edge-access.log"), 1):
    d = json.loads(l)
    assert d["request_id"] and d["request_id"] not in edge, l
    edge[d["request_id"]] = {"n": n, "ms": d["duration_us"] / 1e3, "status": d["status"], "host": d["host"], "path": d["path"], "begin": dt.datetime.fromisoformat(d["time"].replace("/000Z", ".999Z").replace("Z", "+00:00")).timestamp()}
apps = {e["key"]: e for e in ev["app_start"]}
assert len(apps) == len(ev["app_start"])
edge_owner, unlogged_at_edge = {}, 0
for e in ev["client"]:
    r = req(e["key"])
    r.scenario, r.aborted, r.noise, r.status = e["scenario"], e["aborted"], e["scenario"] in ("scan", "health"), e["status"]
    r.broken = bool(e["broken"])
    assert r.broken == (e["scenario"] == "str_break"), e
    r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})
    if e["key"] in apps:
        r.rid = end_of(apps[e["key"]])[1]["rid"]
    assert not (r.rid and e["rid"]) or r.rid == e["rid"], e
    r.rid = r.rid or e["rid"]
    if r.noise and e["via"] == "edge" and not r.rid:          # denied by the edge: its answer names no id; path, status and time tell
        near = [i for i, x in edge.items() if x["path"] == e["name"].split(" ")[1] and x["status"] == e["status"] and i not in edge_owner and e["start"] / 1e9 - .005 < x["begin"] < e["end"] / 1e9 + .005]
        assert len(near) == 1, (e, near)
        r.rid = near[0]
    if r.rid: r.ids.add("request:" + r.rid)
    if e["via"] == "edge":
        x = edge.get(r.rid)
        if not x:                                             # lighttpd logs nothing where the client left before an answer began
            assert e["aborted"] and e["status"] is None, e
            unlogged_at_edge += 1
            op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect", ["request:" + r.rid], status=None)
            continue
        assert x["path"] == e["name"].split(" ")[1], (e, x)
        assert edge_owner.setdefault(r.rid, e["key"]) == e["key"], e
        op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect" if e["aborted"] else "error" if r.broken else word(e["status"]), ["request:" + r.rid], status=e["status"])
        assert e["aborted"] or x["status"] == e["status"], (e, x)
        if not e["aborted"] and not r.broken: diffs.append((e["end"] - e["start"]) / 1e6 - x["ms"])
    else:
        assert not r.rid, e
assert set(edge_owner) == set(edge)
# ---- the app
for e in ev["app_start"]:
    r, (t, x) = req(e["key"]), end_of(e)
    assert r.client, e
    if e["trace"]: r.ids.add("trace:" + e["trace"].split("-")[1])
    op(r, e["op"], "edge-" + e["key"] if R[e["key"]].rid else None, "app", e["name"], e["t"], t, "error" if r.broken else word(x["status"]) if x["whole"] else "client_disconnect" if r.aborted else "error", ["request:" + r.rid] if r.rid else [], status=x["status"])
for e in ev["db_start"]:
    t, x = end_of(e)
    op(req(e["key"]), e["op"], e["parent"], "db_write", e.get("table") or e["name"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error")
for e in ev["tool_start"]:
    r, (t, x) = req(e["key"]), end_of(e)
    r.ids.add("tool:" + e["id"])
    op(r, e["op"], e["parent"], "tool", e["name"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error", ["tool:" + e["id"]])
# ---- model calls: one an attempt; below one parent they run one after another
bad = collections.defaultdict(list)
for e in ev["bad_schema"]: bad[e["parent"]].append(e["t"])
seqs = collections.defaultdict(list)
for e in ev["model_start"]: seqs[e["parent"]].append(e)
misses = 0
for parent, seq in seqs.items():
    r, prev, n, missed = req(seq[0]["key"]), None, 1, False
    for e in seq:
        t, x = end_of(e)
        x = x or {"error": "crashed"}
        st = x.get("status")
        out = x.get("error") or ("ok" if st < 400 else "rate_limited" if st == 429 else "rejected" if st < 500 else "server_error")
        ids = ["call:" + v for v in (x.get("id"), x.get("rid")) if v]
        r.ids.update(ids)
        assert not prev or e["t"] >= prev["end"], (prev, e)
        if prev and prev["outcome"] == "ok":
            if missed: r.sem = True; r.mr += 1
            n = 1
        elif prev and prev["name"] == e["model"]:
            n += 1
            op(r, e["op"] + "w", parent, "retry_wait", f"backoff before attempt {n}", prev["end"], e["t"], prev["outcome"])
            r.mr += 1; r.tra = True
        elif prev:
            n = 1
        o = op(r, e["op"], parent, "model_call", e["model"], e["t"], t, out, ids, status=st, attempt=n)
        if prev and prev["outcome"] != "ok" and prev["name"] != e["model"]:
            r.fb.append({"from": prev["name"], "to": e["model"], "ok": None, "op": o})
        here = [b for b in bad[parent] if e["t"] <= b <= t]
        missed = bool(here); misses += len(here)
        prev = o
    for f in r.fb:                                            # the last attempt at the other model tells
        if "op" in f and f["op"]["parent"] == parent:
            i = next(i for i, e in enumerate(seq) if e["op"] == f["op"]["id"])
            run = [o for e in seq[i:] for o in r.ops if o["id"] == e["op"]]
            k = 0
            while k + 1 < len(run) and run[k]["outcome"] != "ok" and run[k + 1]["name"] == f["to"]: k += 1
            f["ok"] = run[k]["outcome"] == "ok"; f.pop("op")
late = sum(b > kills[pid] for parent, pid in {(e["parent"], e["pid"]) for e in ev["model_start"] if e["pid"] in kills} for b in bad[parent])          # answers to a killed worker
assert misses + late == len(ev["bad_schema"]), (misses, late, len(ev["bad_schema"]))
# ---- tasks
runs, pub = collections.defaultdict(list), {}
doubled = {e["task"] for e in ev["doubled"]}
for e in ev["publish"]:
    assert e["task"] not in pub
    pub[e["task"]] = e
for e in ev["task_start"]: runs[e["task"]].append(e)
assert set(runs) <= set(pub), set(runs) - set(pub)
overlapped = unseen = 0
for task, p in pub.items():
    r = req(p["key"])
    assert runs[task], ("never ran", p)
    name, own = p["name"], ["task:" + task, "job:%d" % runs[task][0]["job_no"]]
    assert len({e["job_no"] for e in runs[task]}) == 1 and all(e["key"] == p["key"] for e in runs[task])
    r.ids.update(own)
    first = [e for e in runs[task] if not e["dup"]]
    extra = [e for e in runs[task] if e["dup"]]
    assert len(extra) == (task in doubled), (task, extra)
    prev = prev_x = None
    for e in first:
        t, x = end_of(e)
        ids = own
        out = "crashed" if not x else {"ack": "ok" if x["ran"] else "skipped", "nak": "retry", "retry": "retry", "term": "error"}[x["how"]]
        dup = False
        if not prev:
            op(r, e["op"] + "q", p["parent"], "queue_wait", name, p["t"], max(e["t"], p["t"]), "ok", ids)
            unseen += e["attempt"] > 1
        elif prev["outcome"] == "crashed":
            op(r, e["op"] + "q", p["parent"], "queue_wait", "redelivery", prev["end"], e["t"], "redelivered", ids); dup = r.dup = True
        else:
            assert prev["outcome"] == "retry", (task, prev)
            op(r, e["op"] + "w", p["parent"], "retry_wait", "task retry", min(prev["end"], e["t"]), e["t"], "retry", ids)
            r.tr += 1
            if prev_x["exc"] in ("OutputParserException",): r.sem = True
            else: r.tra = True
        prev, prev_x = op(r, e["op"], p["parent"], "task", name, e["t"], t, out, ids, attempt=e["attempt"], duplicate=dup), x
        if out == "error": r.dead = True
    assert prev["outcome"] in ("ok", "error", "skipped"), (task, prev)
    for e in extra:
        t, x = end_of(e)
        assert x["how"] == "ack", x
        r.dup = True
        o = op(r, e["op"], p["parent"], "task", name, e["t"], t, "ok" if x["ran"] else "skipped", own, attempt=e["attempt"], duplicate=True)
        overlapped += x["ran"]
    if extra: assert prev["outcome"] in ("ok", "skipped")
# ---- lines
texts = {f: open(f"{LOGS}/{f}", "rb").read() for f in FILES}
starts = {f: ([0] + [i + 1 for i, c in enumerate(b) if c == 10][:-1]) if b else [] for f, b in texts.items()}
owned, last, unwritten = collections.defaultdict(dict), {}, 0
cont = collections.defaultdict(dict)                          # lines after the first of a record: h3 prints an unhandled error over several
for e in ev["line"]:
    assert e["lines"] == 1, e
    if (e["file"], e["off"]) in last:
        assert last[(e["file"], e["off"])]["pid"] in kills, ("two owners", last[(e["file"], e["off"])], e)
        unwritten += 1
    last[(e["file"], e["off"])] = e
for (f, off), e in list(last.items()):
    if off >= len(texts[f]):
        unwritten += 1; assert e["pid"] in kills; continue
    n = bisect.bisect_left(starts[f], off)
    assert starts[f][n] == off, e
    if e["key"]: owned[f][n + 1] = e["key"]
    for k in range(n + 1, n + e["lines"]): cont[f][k + 1] = e["key"]
text_of = lambda f, n: texts[f][starts[f][n - 1]:].split(b"\n", 1)[0].decode()
for f in TAPPED:
    for n, s in enumerate(starts[f], 1):
        assert ((f, s) in last) != (n in cont[f]), (f, n, text_of(f, n))
        assert text_of(f, n).startswith("{") or n in cont[f] or n + 1 in cont[f], (f, n)
assert len(starts["edge-access.log"]) == len(edge) == len(edge_owner), (len(starts["edge-access.log"]), len(edge))
for rid, key in edge_owner.items(): owned["edge-access.log"][edge[rid]["n"]] = key
for f, ns in owned.items():
    for n in sorted(ns):
        assert ns[n] in R, (f, n, ns[n])
        r = R[ns[n]]; r.lines[f].append(n); r.texts[(f, n)] = text_of(f, n)


def numbers(f, t):
    """The numbers of jobs that a line holds, as its fields say it."""
    d = json.loads(t)
    return {"job:%d" % d[k] for k in ("job_no", "next_job_no") if k in d}


short = lambda i: i.startswith("job:")
truth, lc = [], collections.Counter()
for r in R.values():
    assert r.ops, r.key
    r.ops.sort(key=lambda o: o["start"])
    for (f, n), t in r.texts.items():
        r.rec.update(re.findall(r'api/reviews/(\d+)', t))
    every, held = "\n".join(r.texts.values()), {x: numbers(x[0], t) for x, t in r.texts.items()}
    nums = set().union(*held.values()) if held else set()
    value = lambda i: i.split(":", 1)[1]
    logged = {i for i in r.ids if (i in nums if short(i) else value(i) in every)}
    fb = {}
    for x in r.fb:
        o = fb.setdefault((x["from"], x["to"]), dict(x)); o["ok"] = o["ok"] or x["ok"]
    link = collections.defaultdict(list)
    for (f, n), t in sorted(r.texts.items()):
        k = "direct" if r.rid and r.rid in t else "indirect" if any(i in held[(f, n)] if short(i) else value(i) in t for i in logged) else "noid"
        lc[k] += 1
        if k != "direct": link[k].append([f, n])
    outcome = "client_disconnect" if r.aborted else "error" if r.broken else word(r.status) if r.status >= 400 else "dead_letter" if r.dead else "ok"
    n = r.mr + r.tr
    assert len([o for o in r.ops if o["kind"] == "retry_wait"]) <= n and (n == 0) == (not r.sem and not r.tra), r.key
    truth.append({"request_id": r.rid, "key": r.rid or r.key, "scenario": r.scenario, "noise": r.noise, "client_supplied_id": False, "start": r.ops[0]["start"], "end": max(o["end"] for o in r.ops),
        "outcome": outcome, "edge_status": r.status, "aborted": r.aborted, "retried": n > 0, "model_retries": r.mr, "task_retries": r.tr, "retry_count": n,
        "retry_class": "semantic" if r.sem else "transient" if r.tra else "none", "fallback": bool(fb), "fallbacks": list(fb.values()), "degraded": any(x["ok"] for x in fb.values()),
        "dead_lettered": r.dead, "duplicate_delivery": r.dup, "models": sorted({o["name"] for o in r.ops if o["kind"] == "model_call"}),
        "prompt_versions": sorted(set(re.findall(r'"prompt_version": "([^"]+)', every))),
        "ids": sorted(logged), "ids_unlogged": sorted(r.ids - logged) + sorted("record:" + v for v in r.rec), "ops": r.ops, "client": r.client, "breakdown_ms": breakdown(r.ops),
        "lines": {f: v for f, v in sorted(r.lines.items())}, "cont": {f: ns for f in FILES if (ns := [n for n in sorted(cont[f]) if cont[f][n] == r.key])}, "linkability": dict(link)})
write(truth, OUT)
c = lambda it: dict(collections.Counter(it).most_common())
d = sorted(diffs)
S = [t for t in truth if not t["noise"]]
meta = {"name": "guestnote", "files": {f: {"lines": len(starts[f]), "owned_records": len(owned[f]), "continuation_lines": len(cont[f]), "unmatched_records": 0, "bytes": len(texts[f])} for f in FILES},
        "clock_offsets": {}, "requests": len(truth), "scored": len(S), "scored_lines": sum(len(v) for t in S for v in t["lines"].values()), "scenarios": c(t["scenario"] for t in truth), "outcomes": c(t["outcome"] for t in S), "linkability": dict(lc), "unknown_lines": {},
        "retry_class": c(t["retry_class"] for t in S), "fallback": sum(t["fallback"] for t in S), "degraded": sum(t["degraded"] for t in S), "dup": sum(t["duplicate_delivery"] for t in S), "dead": sum(t["dead_lettered"] for t in S),
        "ids": c(i.split(":")[0] for t in S for i in t["ids"]), "ids_unlogged": c(i.split(":")[0] for t in S for i in t["ids_unlogged"]), "ops": c(o["kind"] for t in S for o in t["ops"]), "op_outcomes": c(o["kind"] + " " + o["outcome"] for t in S for o in t["ops"]),
        "client_minus_edge_ms": {"min": d[0], "median": d[len(d) // 2], "p90": d[int(.9 * len(d))], "max": d[-1]}, "side_entries_never_written": unwritten, "duplicates_worked_twice": overlapped, "first_seen_on_second_delivery": unseen,
        "left_without_edge_line": unlogged_at_edge, "killed_processes": len(kills), "most_at_once": max(sum(1 for t in S if t["start"] <= x["start"] < t["end"]) for x in S),
        "most_open_at_the_edge": max(sum(1 for t in S if t["client"][0]["start"] <= x["start"] < t["client"][0]["end"]) for x in S)}
json.dump(meta, open(OUT + "/meta.json", "w"), indent=1)
print(json.dumps(meta, indent=1))
