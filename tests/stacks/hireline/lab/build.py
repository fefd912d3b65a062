"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, or an operation no end."""
import bisect, collections, json, re
from .record import LAB, R, end_of, ended_by, ends, ev, kills, op, req, word
from .truth import breakdown, union, write
LOGS, OUT = "logs", "truth"
TAPPED = ["api.log", "gateway.log", "worker-1.log", "worker-2.log"]
FILES = ["edge-access.log"] + TAPPED + ["beat.log"]
ended_by("model_end", "db_end", "task_end", "app_end", "gw_end", "tool_end")
left = {e["op"] for e in ev["app_close"] if not e["whole"]}
for e in ev["app_close"]: ends.setdefault(e["op"], e)                # a client that left before the handler had anything to say
# ---- the edge
edge, diffs = {}, []
for l in open(LAB + "/edge.tsv"):
    rid, key, ms, status, crc = l.rstrip("\n").split("|")
    assert rid not in edge and key != "-", l
    edge[rid] = {"key": key, "ms": int(ms), "status": int(status), "crc": crc}
rid_of = {e["key"]: u for u, e in edge.items()}
assert len(rid_of) == len(edge)
for e in ev["client"]:
    assert not e["broken"], e
    r = req(e["key"])
    r.scenario, r.aborted, r.noise = e["scenario"], e["aborted"], e["scenario"] == "scan"
    r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})
    r.status = e["status"]
    r.rid = rid_of[e["key"]]; r.ids.add("request:" + r.rid)
    op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect" if e["aborted"] else word(e["status"]), ["request:" + r.rid], status=e["status"])
    assert e["aborted"] or edge[r.rid]["status"] == e["status"]
    if not e["aborted"]: diffs.append((e["end"] - e["start"]) / 1e6 - edge[r.rid]["ms"])
assert len(ev["client"]) == len(edge)
# ---- the app
for e in ev["app_start"]:
    r, (t, x) = req(e["key"]), end_of(e)
    if r.client: assert e["rid"] == r.rid, (r.rid, e)
    else: r.status = x["status"]
    if e["trace"]: r.ids.add("trace:" + e["trace"].split("-")[1])
    op(r, e["op"], "edge-" + e["key"] if r.client else None, "app", e["name"], e["t"], t, "client_disconnect" if e["op"] in left else word(x["status"]), ["request:" + r.rid] if r.rid else [], status=x["status"])
for e in ev["db_start"]:
    t, x = end_of(e)
    op(req(e["key"]), e["op"], e["parent"], "db_write", e["table"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error")
# ---- the gateway
gws = {e["op"]: e for e in ev["gw_start"]}
number = {e["op"]: str(e["call"]) for e in ev["gw_ids"]}
assert len(set(number.values())) == len(number)
groups = collections.defaultdict(lambda: collections.defaultdict(list))      # parent -> SDK or gateway call -> attempts
for e in ev["model_start"]: groups[e["parent"]][e["call"]].append(e)
bad = collections.Counter(gws[e["gw"]]["parent"] for e in ev["bad_schema"])


def attempts(r, parent, seq):
    prev = None
    for n, c in enumerate(seq, 1):
        t, y = end_of(c)
        y = y or {"error": "crashed"}
        st, err = y.get("status"), y.get("error")
        out = err or ("ok" if st < 400 else "rate_limited" if st == 429 else "rejected" if st < 500 else "server_error")
        ids = ["call:" + v for v in (y.get("id"), y.get("rid")) if v]
        r.ids.update(ids)
        o = op(r, c["op"], parent, "model_call", c["model"], c["t"], t, out, ids, status=st, attempt=n)
        if prev:
            op(r, c["op"] + "w", parent, "retry_wait", f"backoff before attempt {n}", prev["end"], o["start"], prev["outcome"])
            r.mr += 1; r.tra = True
        prev = o
    return prev


for e in ev["gw_start"]:
    r, (t, x) = req(e["key"]), end_of(e)
    ids = (["request:" + x["rid"]] if x["rid"] and x["rid"] != r.rid else []) + (["call:" + number[e["op"]]] if e["op"] in number else [])
    if e["parent"]:
        r.ids.update(ids)
        if r.rid == x["rid"]: ids.append("request:" + r.rid)
    if e["prompt"]: r.prompts.add(e["prompt"])
    if e["trace"]: r.ids.add("trace:" + e["trace"].split("-")[1])
    op(r, e["op"], e["parent"] or None, "app", e["name"], e["t"], t, "client_disconnect" if x["gone"] else word(x["status"]) if x["whole"] else "error", ids, status=x["status"], hop="gateway")
    if not e["parent"]: r.status = x["status"]
    prev = None
    for seq in groups.pop(e["op"], {}).values():
        last = attempts(r, e["op"], seq)
        if prev:
            assert last["name"] != prev["name"] and prev["outcome"] != "ok"
            r.fb.append({"from": prev["name"], "to": last["name"], "ok": last["outcome"] == "ok"})
        prev = last
for parent, g in groups.items():                                 # embeddings, straight from the worker
    (seq,) = g.values()
    assert all(c["model"].startswith("text-embedding") for c in seq)
    attempts(req(seq[0]["key"]), parent, seq)
asked = collections.Counter(e["parent"] for e in ev["gw_start"])
key_of = {e["op"]: e["key"] for k in ("app_start", "task_start") for e in ev[k]}
for parent, n in bad.items():
    r = req(key_of[parent])
    if asked[parent] > 1: r.sem = True; r.mr += asked[parent] - 1
# ---- tools: the calls of one task run one after another, in the order in which they were asked for
tool_ids = collections.defaultdict(list)
for e in ev["tool_id"]: tool_ids[gws[e["gw"]]["parent"]].append(e["id"])
for e in ev["tool_start"]:
    r, (t, x) = req(e["key"]), end_of(e)
    i = "tool:" + tool_ids[e["parent"]].pop(0)
    r.ids.add(i)
    op(r, e["op"], e["parent"], "tool", e["name"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error", [i])
crashed_tasks = {e["op"] for e in ev["task_start"] if e["op"] not in ends}
assert all(not v or p in crashed_tasks for p, v in tool_ids.items()), [k for k in tool_ids.items() if k[1]]
# ---- celery
runs, pub, doubled = collections.defaultdict(list), {}, {e["task"] for e in ev["duplicated"]}
for e in ev["publish"]:
    assert e["task"] not in pub
    pub[e["task"]] = e
for e in ev["task_start"]: runs[e["task"]].append(e)
assert set(runs) <= set(pub)
overlapped = 0
for task, p in pub.items():
    r, i = req(p["key"]), "task:" + task
    r.ids.add(i)
    assert runs[task], ("never ran", p)
    prev = None
    for n, e in enumerate(runs[task]):
        t, x = end_of(e)
        dup = False
        out = "crashed" if not x else "skipped" if x["skipped"] else {"SUCCESS": "ok", "RETRY": "retry", "FAILURE": "error"}[x["state"]]
        if n == 0: op(r, e["op"] + "q", p["parent"], "queue_wait", p["name"], p["t"], e["t"], "ok", [i])
        elif prev["outcome"] == "crashed":
            op(r, e["op"] + "q", p["parent"], "queue_wait", "redelivery", prev["end"], e["t"], "redelivered", [i]); dup = r.dup = True
        elif prev["outcome"] == "retry":
            assert e["retries"] > prev["attrs"]["attempt"] - 1, (task, n)
            op(r, e["op"] + "w", p["parent"], "retry_wait", "task retry", min(prev["end"], e["t"]), e["t"], "retry", [i])       # a wait of 0 s may be over before the run that asked for it has ended
            r.tr += 1
            if prev_x["exc"] == "InvalidAnswer": r.sem = True
            else: r.tra = True
        else:
            assert task in doubled, (task, prev["outcome"])
            dup = r.dup = True
            overlapped += e["t"] < prev["end"]
        prev, prev_x = op(r, e["op"], p["parent"], "task", p["name"], e["t"], t, out, [i], attempt=e["retries"] + 1, duplicate=dup), x
        if out == "error": r.dead = True
    assert prev["outcome"] in ("ok", "error", "skipped"), (task, prev)
# ---- lines
texts = {f: open(f"{LOGS}/{f}", "rb").read() for f in FILES}
starts = {f: ([0] + [i + 1 for i, c in enumerate(b) if c == 10][:-1]) if b else [] for f, b in texts.items()}
owned, last, unwritten = collections.defaultdict(dict), {}, 0
for e in ev["line"]:
    assert e["lines"] == 1 or (not e["key"] and e["file"] == "api.log"), e
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
text_of = lambda f, n: texts[f][starts[f][n - 1]:].split(b"\n", 1)[0].decode()
for f in TAPPED:
    for n, s in enumerate(starts[f], 1):
        if (f, s) not in last:                                       # Celery's banner and warnings, written past the loggers
            assert f.startswith("worker") and not text_of(f, n).startswith("{"), (f, n, text_of(f, n))
assert len(starts["edge-access.log"]) == len(edge)
for n in range(1, len(edge) + 1):
    d = json.loads(text_of("edge-access.log", n))
    k = edge.pop(d["request_id"])["key"]
    owned["edge-access.log"][n] = k
    if d["traceparent"] != "-": req(k).ids.add("trace:" + d["traceparent"].split("-")[1])          # what the client sent
for f, ns in owned.items():
    for n in sorted(ns):
        assert ns[n] in R, (f, n, ns[n])
        r = R[ns[n]]; r.lines[f].append(n); r.texts[(f, n)] = text_of(f, n)


def carried(f, t):
    """short numbers: the gateway's number of the call"""
    d = json.loads(t) if f == "gateway.log" else {}
    return {str(d["call"])} if "call" in d else set()


for r in R.values():
    for (f, n), t in r.texts.items():
        r.rec.update(re.findall(r"(?:candidate|note|shortlist) (\d+)", t) + re.findall(r"api(?:\\?/)(?:candidates|shortlists)(?:\\?/)(\d+)", t) + re.findall(r'(?:screenId|candidateId)":(\d+)', t))
truth, lc = [], collections.Counter()
for r in R.values():
    assert r.ops, r.key
    r.ops.sort(key=lambda o: o["start"])
    every, held = "\n".join(r.texts.values()), {x: carried(x[0], t) for x, t in r.texts.items()}
    numbers = set().union(*held.values()) if held else set()
    value = lambda i: i.split(":", 1)[1]
    logged = {i for i in r.ids if (value(i) in numbers if value(i).isdigit() else re.search(r"(?<![0-9A-Za-z])" + re.escape(value(i)) + r"(?!\d)", every))}
    fb = {}
    for x in r.fb:
        o = fb.setdefault((x["from"], x["to"]), dict(x)); o["ok"] = o["ok"] or x["ok"]
    link = collections.defaultdict(list)
    for (f, n), t in sorted(r.texts.items()):
        has = lambda v: re.search(r"(?<![\w-])" + re.escape(v) + r"(?![\w-])", t)
        k = "direct" if r.rid and has(r.rid) else "indirect" if any(value(i) in held[(f, n)] if value(i).isdigit() else value(i) in t for i in logged) else "noid"
        lc[k] += 1
        if k != "direct": link[k].append([f, n])
    outcome = "client_disconnect" if r.aborted else word(r.status) if r.status >= 400 else "dead_letter" if r.dead else "error" if r.scenario == "letter_break" else "ok"
    n = r.mr + r.tr
    assert len([o for o in r.ops if o["kind"] == "retry_wait"]) <= n and (n == 0) == (not r.sem and not r.tra), r.key
    truth.append({"request_id": r.rid, "key": r.rid or r.key, "scenario": r.scenario, "noise": r.noise, "client_supplied_id": False, "start": r.ops[0]["start"], "end": max(o["end"] for o in r.ops),
        "outcome": outcome, "edge_status": r.status, "aborted": r.aborted, "retried": n > 0, "model_retries": r.mr, "task_retries": r.tr, "retry_count": n,
        "retry_class": "semantic" if r.sem else "transient" if r.tra else "none", "fallback": bool(fb), "fallbacks": list(fb.values()), "degraded": any(x["ok"] for x in fb.values()),
        "dead_lettered": r.dead, "duplicate_delivery": r.dup, "models": sorted({o["name"] for o in r.ops if o["kind"] == "model_call"}), "prompt_versions": sorted(r.prompts),
        "ids": sorted(logged), "ids_unlogged": sorted(r.ids - logged) + sorted("record:" + v for v in r.rec), "ops": r.ops, "client": r.client, "breakdown_ms": breakdown(r.ops),
        "lines": {f: v for f, v in sorted(r.lines.items())}, "cont": {}, "linkability": dict(link)})
write(truth, OUT)
c = lambda it: dict(collections.Counter(it).most_common())
d = sorted(diffs)
S = [t for t in truth if not t["noise"]]
meta = {"name": "hireline", "files": {f: {"lines": len(starts[f]), "owned_records": len(owned[f]), "unmatched_records": 0, "bytes": len(texts[f])} for f in FILES},
        "clock_offsets": {}, "requests": len(truth), "scored": len(S), "scenarios": c(t["scenario"] for t in truth), "outcomes": c(t["outcome"] for t in S), "linkability": dict(lc), "unknown_lines": {},
        "retry_class": c(t["retry_class"] for t in S), "fallback": sum(t["fallback"] for t in S), "degraded": sum(t["degraded"] for t in S), "dup": sum(t["duplicate_delivery"] for t in S), "dead": sum(t["dead_lettered"] for t in S),
        "ids": c(i.split(":")[0] for t in S for i in t["ids"]), "ids_unlogged": c(i.split(":")[0] for t in S for i in t["ids_unlogged"]), "ops": c(o["kind"] for t in S for o in t["ops"]), "op_outcomes": c(o["kind"] + " " + o["outcome"] for t in S for o in t["ops"]),
        "client_minus_edge_ms": {"min": d[0], "median": d[len(d) // 2], "p90": d[int(.9 * len(d))], "max": d[-1]}, "side_entries_never_written": unwritten, "duplicates_that_overlap": overlapped,
        "killed_processes": len(kills), "most_at_once": max(sum(1 for t in S if t["ops"][0]["start"] <= x["start"] < t["end"]) for x in S)}
json.dump(meta, open(OUT + "/meta.json", "w"), indent=1)
print(json.dumps(meta, indent=1))
