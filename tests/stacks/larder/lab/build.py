"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, or an operation no end."""
import bisect, collections, json, re
from .record import LAB, R, end_of, ended_by, ends, ev, kills, op, req, word
from .truth import breakdown, union, write
LOGS, OUT = "logs", "truth"
TAPPED = ["table.log", "sidekiq.log", "brain.log", "pantry.log"]
FILES = ["envoy-access.log"] + TAPPED
ended_by("model_end", "db_end", "task_end", "app_end", "gw_end", "pantry_end", "tool_end")
edge, diffs = {}, []
for l in open(LAB + "/edge.tsv"):
    uid, key, ms, status, flags = l.rstrip("\n").split("\t")
    assert uid not in edge
    edge[uid] = {"key": None if key == "-" else key, "ms": int(ms), "status": int(status), "flags": flags}
uid_of = {e["key"]: u for u, e in edge.items() if e["key"]}
assert len(uid_of) == sum(bool(e["key"]) for e in edge.values())
for e in ev["client"]:
    assert not e["broken"], e
    r = req(e["key"])
    r.scenario, r.aborted, r.noise = e["scenario"], e["aborted"], e["scenario"] in ("health", "scan")
    r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})
    r.status = e["status"]
    r.rid = uid_of[e["key"]]; r.ids.add("request:" + r.rid)
    op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect" if e["aborted"] else word(e["status"]), ["request:" + r.rid], status=e["status"])
    assert e["aborted"] or edge[r.rid]["status"] == e["status"]
    if not e["aborted"]: diffs.append((e["end"] - e["start"]) / 1e6 - edge[r.rid]["ms"])
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
    op(req(e["key"]), e["op"], e["parent"], "tool", e["name"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error")
# ---- the brain and the pantry
prompt, gen = {e["op"]: e["prompt"] for e in ev["prompt"]}, {e["op"]: e["gen"] for e in ev["gen"]}
bad = collections.Counter(e["parent"] for e in ev["bad_schema"])
groups = collections.defaultdict(lambda: collections.defaultdict(list))      # parent -> SDK call -> attempts
for e in ev["model_start"]: groups[e["parent"]][e.get("call") or e["parent"]].append(e)


def attempts(r, parent, seq, label=""):
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


broken = set()
for e in ev["gw_start"]:
    r, x = req(e["key"]), ends[e["op"]]
    g = gen.get(e["op"])
    ids = ["request:" + x["rid"]] + (["call:" + g] if g else [])
    r.ids.update(ids)
    if e["op"] in prompt: r.prompts.add(prompt[e["op"]])
    gs = list(groups.pop(e["op"], {}).values())
    whole = x["whole"]
    op(r, e["op"], e["parent"] or "edge-" + e["key"], "app", e["name"], e["t"], x["t"], word(x["status"]) if x["status"] and whole else "client_disconnect", ids, status=x["status"], hop="brain")
    prev = None
    for seq in gs:
        last = attempts(r, e["op"], seq)
        if prev and last["name"] != prev["name"] and prev["outcome"] != "ok":
            r.fb.append({"from": prev["name"], "to": last["name"], "ok": last["outcome"] == "ok"})
        prev = last
    if bad[e["op"]]:
        asks = sum(1 for seq in gs if seq[0]["model"].startswith("gpt"))
        r.sem = r.sem or asks > 1; r.mr += asks - 1
for parent, g in groups.items():                                 # embeddings, straight from the worker
    (seq,) = g.values()
    attempts(req(seq[0]["key"]), parent, seq)
num = {e["op"]: str(e["num"]) for e in ev["pantry_id"]}
for e in ev["pantry_start"]:
    r, (t, x) = req(e["key"]), end_of(e)
    r.ids.add("request:" + num[e["op"]])
    op(r, e["op"], e["parent"], "app", e["name"], e["t"], t, word(x["status"]), ["request:" + num[e["op"]]], status=x["status"], hop="pantry")
assert len(set(num.values())) == len(num)
# ---- sidekiq
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
    prev = None
    for n, e in enumerate(runs[task]):
        t, x = end_of(e)
        out, dup = "crashed" if not x else "skipped" if x["skipped"] and not x["exc"] else "ok" if not x["exc"] else "error" if x["dead"] else "retry", False
        assert not x or x["exc"] != "Sidekiq::Shutdown", x
        if n == 0: op(r, e["op"] + "q", p["parent"], "queue_wait", p["name"], p["t"], e["t"], "ok", [i])
        elif prev["outcome"] == "crashed":
            op(r, e["op"] + "q", p["parent"], "queue_wait", "redelivery", prev["end"], e["t"], "redelivered", [i]); dup = r.dup = True
        elif prev["outcome"] == "retry":
            op(r, e["op"] + "w", p["parent"], "retry_wait", "task retry", prev["end"], e["t"], "retry", [i])
            r.tr += 1
            if prev_x["exc"] in ("Brain::Invalid",) or (r.scenario == "imp_pantry_bug" and prev_x["exc"] == "RuntimeError"): r.sem = True
            else: r.tra = True
        else:
            assert task in doubled, (task, prev["outcome"])
            dup = r.dup = True
        prev, prev_x = op(r, e["op"], p["parent"], "task", p["name"], e["t"], t, out, [i], attempt=e["retries"] + 1, duplicate=dup), x
        if x and x["dead"]: r.dead = True
    assert prev["outcome"] in ("ok", "error", "skipped"), (task, prev)
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
tapped_at = {(f, off) for f, off in last}
text_of = lambda f, n: texts[f][starts[f][n - 1]:].split(b"\n", 1)[0].decode()
unowned = collections.Counter()
for f in TAPPED:
    for n, s in enumerate(starts[f], 1):
        if (f, s) not in tapped_at:                              # puma's own banner, written past the logger
            assert f == "table.log" and re.match(r"Puma starting|\*|Use Ctrl-C|- (Gracefully|Goodbye)|===", text_of(f, n)), (f, n, text_of(f, n))
            unowned[f] += 1
assert len(starts["envoy-access.log"]) == len(edge)
for n in range(1, len(edge) + 1):
    d = json.loads(text_of("envoy-access.log", n))
    k = edge.pop(d["request_id"])["key"]
    if k: owned["envoy-access.log"][n] = k
    if k and d["traceparent"]: req(k).ids.add("trace:" + d["traceparent"].split("-")[1])         # what the client sent
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


def carried(f, t):
    if f != "pantry.log": return set()
    i = json.loads(t).get("req", {}).get("id")
    return {str(i)} if i is not None else set()


for r in R.values():
    for (f, n), t in r.texts.items():
        r.rec.update(re.findall(r'(?:recipe_id|plan_id|list_id)(?:=|":)(\d+)', t) + re.findall(r"/v1/(?:recipes|plans)/(\d+)", t))
truth, lc, per_owner = [], collections.Counter(), []
for r in R.values():
    assert r.ops, r.key
    r.ops.sort(key=lambda o: o["start"])
    every, held = "\n".join(r.texts.values()), {x: carried(x[0], t) for x, t in r.texts.items()}
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
    outcome = "client_disconnect" if r.aborted else word(r.status) if r.status >= 400 else "dead_letter" if r.dead else "error" if r.scenario == "cook_break" else "ok"
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
meta = {"name": "larder", "files": {f: {"lines": len(starts[f]), "owned_records": len(owned[f]), "unmatched_records": 0, "bytes": len(texts[f])} for f in FILES},
        "clock_offsets": {}, "requests": len(truth), "scored": len(S), "scenarios": c(t["scenario"] for t in truth), "outcomes": c(t["outcome"] for t in S), "linkability": dict(lc), "unknown_lines": {},
        "retry_class": c(t["retry_class"] for t in S), "fallback": sum(t["fallback"] for t in S), "degraded": sum(t["degraded"] for t in S), "dup": sum(t["duplicate_delivery"] for t in S), "dead": sum(t["dead_lettered"] for t in S),
        "ids": c(i.split(":")[0] for t in S for i in t["ids"]), "ops": c(o["kind"] for t in S for o in t["ops"]), "op_outcomes": c(o["kind"] + " " + o["outcome"] for t in S for o in t["ops"]),
        "client_minus_envoy_ms": {"min": d[0], "median": d[len(d) // 2], "p90": d[int(.9 * len(d))], "max": d[-1]}, "side_entries_never_written": unwritten,
        "most_at_once": max(sum(1 for t in S if t["ops"][0]["start"] <= x["start"] < t["ops"][0]["end"]) for x in S)}
json.dump(meta, open(OUT + "/meta.json", "w"), indent=1)
print(json.dumps(meta, indent=1))
