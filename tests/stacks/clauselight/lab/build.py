"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, or an operation no end."""
import bisect, collections, json, re
from .record import LAB, R, end_of, ended_by, ends, ev, kills, op, req, word
from .truth import breakdown, union, write
LOGS, OUT = "logs", "truth"
TAPPED = ["apache-error.log", "app.log", "modelgate.log", "worker.log", "notifier.log"]
FILES = ["access.log"] + TAPPED + ["rabbitmq.log"]
ended_by("model_end", "db_end", "task_end", "app_end", "gw_end", "job_end", "tool_end")
edge, diffs = {}, []
for l in open(LAB + "/edge.tsv"):
    uid, key, us, status, conn = l.rstrip("\n").split("\t")
    assert uid not in edge
    edge[uid] = {"key": None if key == "-" else key, "us": int(us), "status": int(status), "conn": conn}
uid_of = {e["key"]: u for u, e in edge.items() if e["key"]}
assert len(uid_of) == sum(bool(e["key"]) for e in edge.values())
for e in ev["client"]:
    r = req(e["key"])
    r.scenario, r.aborted, r.noise = e["scenario"], e["aborted"], e["scenario"] in ("health", "scan")
    r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})
    r.status = e["status"]
    r.rid = uid_of[e["key"]]; r.ids.add("request:" + r.rid)
    op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect" if e["aborted"] else word(e["status"]), ["request:" + r.rid], status=e["status"])
    if not e["aborted"]: diffs.append((e["end"] - e["start"]) / 1e6 - edge[r.rid]["us"] / 1e3)
for e in ev["app_start"]:
    r, x = req(e["key"]), ends[e["op"]]
    assert r.rid in (None, x["rid"]), (r.rid, x)
    r.rid = x["rid"]; r.ids.add("request:" + r.rid)
    if not r.client: r.status = x["status"]
    op(r, e["op"], "edge-" + e["key"] if r.client else None, "app", e["name"], e["t"], x["t"], word(x["status"]), ["request:" + r.rid], status=x["status"])
for e in ev["trace"]: req(e["key"]).ids.add("trace:" + e["trace"])
for e in ev["db_start"]:
    t, x = end_of(e)
    op(req(e["key"]), e["op"], e["parent"], "db_write", e["table"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error")
for e in ev["tool_start"]:
    t, x = end_of(e)
    op(req(e["key"]), e["op"], e["parent"], "tool", e["name"], e["t"], t, "ok")
# ---- the gateway
calls, sleeps, gw_call = collections.defaultdict(list), collections.defaultdict(list), {e["op"]: e for e in ev["gw_call"]}
bad = collections.Counter(e["parent"] for e in ev["bad_schema"])
for e in ev["model_start"]: calls[e["parent"]].append(e)
for e in ev["sleep"]: sleeps[e["parent"]].append(e)
gw_by_parent = collections.defaultdict(list)
for e in ev["gw_start"]:
    r, x = req(e["key"]), ends[e["op"]]
    gw_by_parent[e["parent"]].append(e)
    g = gw_call[e["op"]]
    r.ids.add(f"call:{g['call']}"); r.prompts.add(g["prompt"])
    seq = calls[e["op"]]
    end = max([x["t"]] + [ends[c["op"]]["t"] for c in seq])
    op(r, e["op"], e["parent"], "app", e["name"], e["t"], end, word(x["status"]) if x["status"] else "client_disconnect", [f"call:{g['call']}"], status=x["status"], hop="gateway")
    prev = None
    for n, c in enumerate(seq, 1):
        t, y = end_of(c)
        st, err = y.get("status"), y.get("error")
        out = err if err in ("timeout", "cancelled", "broken") else "ok" if st < 400 else "rate_limited" if st == 429 else "rejected" if st < 500 else "server_error"
        ids = ["call:" + v for v in (y.get("id"), y.get("rid")) if v]
        r.ids.update(ids)
        o = op(r, c["op"], e["op"], "model_call", c["model"], c["t"], t, out, ids, status=st, attempt=n)
        if prev:
            for z in sleeps[e["op"]]:
                if z["start"] >= prev["end"] - 1e6 and z["t"] <= o["start"] + 1e6:
                    op(r, c["op"] + "w", e["op"], "retry_wait", f"backoff before {n}", z["start"], z["t"], prev["outcome"])
            if c["model"] == prev["name"]: r.mr += 1; r.tra = True
            else: r.fb.append({"from": prev["name"], "to": c["model"], "ok": ends[seq[-1]["op"]].get("status") == 200})
        prev = o
    if not seq or (sleeps[e["op"]] and sleeps[e["op"]][-1]["t"] > ends[seq[-1]["op"]]["t"]):      # left while waiting
        for z in sleeps[e["op"]]:
            if seq and z["start"] >= ends[seq[-1]["op"]]["t"] - 1e6:
                op(r, e["op"] + "w", e["op"], "retry_wait", "backoff, caller left", z["start"], z["t"], prev["outcome"])
for parent, gs in gw_by_parent.items():
    if len(gs) > 1 and bad[parent]:                            # asked again inside one execution of the task
        r = req(gs[0]["key"]); r.mr += len(gs) - 1; r.sem = True
# ---- dramatiq
runs, pub, doubled = collections.defaultdict(list), {}, {e["task"] for e in ev["duplicated"]}
for e in ev["publish"]:
    assert e["task"] not in pub
    pub[e["task"]] = e
for e in ev["task_start"]: runs[e["task"]].append(e)
assert set(runs) <= set(pub)
for task, p in pub.items():
    r, i = req(p["key"]), "task:" + task
    r.ids.add(i)
    assert runs[task], ("never ran", p)
    done = None
    prev = None
    for n, e in enumerate(runs[task]):
        t, x = end_of(e)
        out, dup = x["outcome"] if x else "crashed", False
        if n == 0: op(r, e["op"] + "q", p["parent"], "queue_wait", p["name"], p["t"], e["t"], "ok", [i])
        elif prev["outcome"] == "crashed":
            op(r, e["op"] + "q", p["parent"], "queue_wait", "redelivery", prev["end"], e["t"], "redelivered", [i]); dup = r.dup = True
        elif prev["outcome"] == "retry":
            op(r, e["op"] + "w", p["parent"], "retry_wait", "task retry", prev["end"], e["t"], "retry", [i])
            r.tr += 1
            if bad[prev["id"]] >= 2: r.sem = True
            else: r.tra = True
        else:
            assert task in doubled, (task, prev["outcome"])
            dup = r.dup = True
        prev = op(r, e["op"], p["parent"], "task", p["name"], e["t"], t, out, [i], attempt=e["retries"] + 1, duplicate=dup)
        if x and x["failed"]: r.dead = True
    assert prev["outcome"] in ("ok", "error", "skipped"), (task, prev)
# ---- graphile-worker
jruns = collections.defaultdict(list)
for e in ev["job_start"]: jruns[e["job"]].append(e)
for p in ev["job_publish"]:
    r, i = req(p["key"]), f"job:{p['task']}:{p['job']}"
    r.ids.add(i)
    prev = None
    assert jruns[p["job"]], p
    for n, e in enumerate(jruns[p["job"]]):
        t, x = end_of(e)
        out = "ok" if x["ok"] else "error" if e["attempt"] >= e["max"] else "retry"
        if n == 0: op(r, e["op"] + "q", p["parent"], "queue_wait", p["task"], p["t"], e["t"], "ok", [i])
        else:
            assert prev["outcome"] == "retry"
            op(r, e["op"] + "w", p["parent"], "retry_wait", "task retry", prev["end"], e["t"], "retry", [i])
            r.tr += 1
            if r.scenario == "exp_odt": r.sem = True
            else: r.tra = True
        prev = op(r, e["op"], p["parent"], "task", p["task"], e["t"], t, out, [i], attempt=e["attempt"], duplicate=False)
        r.dead |= out == "error"
    assert prev["outcome"] in ("ok", "error"), prev
# ---- lines
texts = {f: open(f"{LOGS}/{f}", "rb").read() for f in FILES}
starts = {f: ([0] + [i + 1 for i, c in enumerate(b) if c == 10][:-1]) if b else [] for f, b in texts.items()}
owned, acc, last = collections.defaultdict(dict), collections.Counter(), {}
unwritten = 0
for e in ev["line"]:
    assert e.get("lines", 1) == 1, e
    if (e["file"], e["off"]) in last:
        assert last[(e["file"], e["off"])]["pid"] in kills, ("two owners", last[(e["file"], e["off"])], e)
        unwritten += 1
    last[(e["file"], e["off"])] = e
for (f, off), e in last.items():
    if off >= len(texts[f]):
        unwritten += 1; assert e["pid"] in kills; continue
    n = bisect.bisect_left(starts[f], off)
    assert starts[f][n] == off, e
    acc[f] += 1
    if e["key"]: owned[f][n + 1] = e["key"]
for f in TAPPED: assert acc[f] == len(starts[f]), (f, acc[f], len(starts[f]))
text_of = lambda f, n: texts[f][starts[f][n - 1]:].split(b"\n", 1)[0].decode()
assert len(starts["access.log"]) == len(edge)
for n in range(1, len(edge) + 1):
    k = edge.pop(json.loads(text_of("access.log", n))["uid"])["key"]
    if k: owned["access.log"][n] = k
for f, ns in owned.items():
    for n in sorted(ns):
        assert ns[n] in R, (f, n, ns[n])
        r = R[ns[n]]; r.lines[f].append(n); r.texts[(f, n)] = text_of(f, n)


def values(d):
    if isinstance(d, dict):
        for v in d.values(): yield from values(v)
    elif isinstance(d, list):
        for v in d: yield from values(v)
    else: yield d


NUMBERED = {"call_no", "gw_call", "calls", "job", "job_id", "next", "parentJob"}


def nums(d):
    for k, v in d.items():
        if k in NUMBERED: yield from (str(x) for x in (v if isinstance(v, list) else [v]))
        elif isinstance(v, dict): yield from nums(v)
        elif k == "spans":
            for x in v: yield from nums(x)


def carried(t):
    d = json.loads(t) if t.startswith("{") else {}
    return set(nums(d)) | set(re.findall(r"(?:gateway call|(?:Completed|Failed) task) (\d+)", t))


for r in R.values():
    for (f, n), t in r.texts.items():
        if t.startswith("{"):
            d = json.loads(t)
            for k in ("contract_id", "contract", "export_id", "export", "left", "right"):
                if d.get(k) is not None: r.rec.add(str(d[k]))
truth, lc, per_owner = [], collections.Counter(), []
for r in R.values():
    assert r.ops, r.key
    r.ops.sort(key=lambda o: o["start"])
    every, held = "\n".join(r.texts.values()), {x: carried(t) for x, t in r.texts.items()}
    numbers = set().union(*held.values()) if held else set()
    value = lambda i: i.rsplit(":", 1)[1]
    logged = {i for i in r.ids if (value(i) in numbers if value(i).isdigit() else value(i) in every)}
    fb = {}
    for x in r.fb:
        o = fb.setdefault((x["from"], x["to"]), dict(x)); o["ok"] = o["ok"] or x["ok"]
    link = collections.defaultdict(list)
    for (f, n), t in sorted(r.texts.items()):
        k = "direct" if r.rid in t else "indirect" if any(value(i) in held[(f, n)] if value(i).isdigit() else value(i) in t for i in logged) else "noid"
        lc[k] += 1
        if k != "direct": link[k].append([f, n])
    outcome = "client_disconnect" if r.aborted else word(r.status) if r.status >= 400 else "dead_letter" if r.dead else "ok"
    n = r.mr + r.tr
    truth.append({"request_id": r.rid, "key": r.rid, "scenario": r.scenario, "noise": r.noise, "client_supplied_id": False, "start": r.ops[0]["start"], "end": max(o["end"] for o in r.ops),
        "outcome": outcome, "edge_status": r.status, "aborted": r.aborted, "retried": n > 0, "model_retries": r.mr, "task_retries": r.tr, "retry_count": n,
        "retry_class": "semantic" if r.sem else "transient" if r.tra else "none", "fallback": bool(fb), "fallbacks": list(fb.values()), "degraded": any(x["ok"] for x in fb.values()),
        "dead_lettered": r.dead, "duplicate_delivery": r.dup, "models": sorted({o["name"] for o in r.ops if o["kind"] == "model_call"}), "prompt_versions": sorted(r.prompts),
        "ids": sorted(logged), "ids_unlogged": sorted(r.ids - logged) + sorted("record:" + v for v in r.rec), "ops": r.ops, "client": r.client, "breakdown_ms": breakdown(r.ops),
        "lines": {f: v for f, v in sorted(r.lines.items())}, "cont": {}, "linkability": dict(link)})
write(truth, OUT)
c = lambda it: dict(collections.Counter(it).most_common())
d = sorted(diffs)
S = [t for t in truth if not t["noise"]]
meta = {"name": "clauselight", "files": {f: {"lines": len(starts[f]), "owned_records": len(owned[f]), "unmatched_records": len(starts[f]) if f == "rabbitmq.log" else 0, "bytes": len(texts[f])} for f in FILES},
        "clock_offsets": {}, "requests": len(truth), "scored": len(S), "scenarios": c(t["scenario"] for t in truth), "outcomes": c(t["outcome"] for t in S), "linkability": dict(lc), "unknown_lines": {},
        "retry_class": c(t["retry_class"] for t in S), "fallback": sum(t["fallback"] for t in S), "degraded": sum(t["degraded"] for t in S), "dup": sum(t["duplicate_delivery"] for t in S), "dead": sum(t["dead_lettered"] for t in S),
        "ids": c(i.split(":")[0] for t in S for i in t["ids"]), "ops": c(o["kind"] for t in S for o in t["ops"]), "op_outcomes": c(o["kind"] + " " + o["outcome"] for t in S for o in t["ops"]),
        "client_minus_apache_ms": {"min": d[0], "median": d[len(d) // 2], "p90": d[int(.9 * len(d))], "max": d[-1]}, "side_entries_never_written": unwritten,
        "most_at_once": max(sum(1 for t in S if t["ops"][0]["start"] <= x["start"] < t["ops"][0]["end"]) for x in S)}
json.dump(meta, open(OUT + "/meta.json", "w"), indent=1)
print(json.dumps(meta, indent=1))
