import bisect, collections, json
from .record import LAB, R, end_of, ended_by, ends, ev, kills, op, req, word
from .truth import breakdown, write
LOGS, OUT = "logs", "truth"
FILES = ["haproxy.log", "app.log", "gateway.log", "worker.log", "redis.log"]
ended_by("model_end", "db_end", "task_end", "app_end", "gw_end")

diffs, edge_line = [], {}
for e in ev["edge"]:
    edge_line[e["key"]] = e
for e in ev["client"]:
    r = req(e["key"])
    r.scenario, r.aborted, r.noise = e["scenario"], e["aborted"], e["scenario"] in ("health", "edge_403")
    r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})
    r.status = e["status"]
    op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect" if e["aborted"] else word(e["status"]), status=e["status"])
    diffs.append((e["end"] - e["start"]) / 1e6 - float(edge_line[e["key"]]["ta"]))
for e in ev["app_start"]:
    r, x = req(e["key"]), ends[e["op"]]
    r.rid = x["rid"]; r.ids.add("request:" + r.rid)
    if x["trace"]: r.ids.add("trace:" + x["trace"])
    if not r.client: r.status = x["status"]
    op(r, e["op"], "edge-" + e["key"] if r.client else None, "app", e["name"], e["t"], x["t"], word(x["status"]), ["request:" + r.rid], status=x["status"])
for e in ev["db_start"]:
    t, x = end_of(e)
    op(req(e["key"]), e["op"], e["parent"], "db_write", e["table"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error")
calls, sleeps, bad = collections.defaultdict(list), collections.defaultdict(list), collections.Counter(e["parent"] for e in ev["bad_schema"])
for e in ev["model_start"]: calls[e["parent"]].append(e)
for e in ev["sleep"]: sleeps[e["parent"]].append(e)
gw_by_parent = collections.defaultdict(list)
for e in ev["gw_start"]:
    r, x = req(e["key"]), ends[e["op"]]
    gw_by_parent[e["parent"]].append(e)
    if x["call"]: r.rec.add(str(x["call"]))
    end = max([x["t"]] + [ends[c["op"]]["t"] for c in calls[e["op"]]])
    op(r, e["op"], e["parent"], "app", e["name"], e["t"], end, word(x["status"]) if x["status"] else "client_disconnect", status=x["status"], hop="gateway")
    prev, seq = None, calls[e["op"]]
    for n, c in enumerate(seq, 1):
        t, y = end_of(c)
        st = y.get("status")
        out = "timeout" if y.get("error") == "TimeoutError" else "broken" if st is None else "ok" if st < 400 else "rate_limited" if st == 429 else "rejected" if st < 500 else "server_error"
        ids = ["call:" + v for v in (y.get("id"), y.get("rid")) if v]
        r.ids.update(ids)
        o = op(r, c["op"], e["op"], "model_call", c["model"], c["t"], t, out, ids, status=st, attempt=n)
        if prev:
            for z in sleeps[e["op"]]:
                if z["start"] >= prev["end"] - 1e6 and z["t"] <= o["start"] + 1e6:
                    op(r, c["op"] + "w", e["op"], "retry_wait", f"backoff before {n}", z["start"], z["t"], prev["outcome"])
            if c["model"] == prev["name"]:
                r.mr += 1; r.tra = True
            else:
                r.fb.append({"from": prev["name"], "to": c["model"], "ok": ends[seq[-1]["op"]].get("status") == 200})
        prev = o
for parent, gs in gw_by_parent.items():
    r = req(gs[0]["key"])
    r.prompts.add("v7" if r.scenario.startswith("rec") or r.scenario == "kiosk" else "v4" if r.scenario.startswith("chat") else "v2")
    if len(gs) > 1 and bad[parent]:
        r.mr += len(gs) - 1; r.sem = True
runs, pub = collections.defaultdict(list), {}
for e in ev["publish"]: pub[e["task"]] = e
for e in ev["task_start"]: runs[e["task"]].append(e)
give = {(e["task"]) for e in ev["give_up"]}
for task, p in pub.items():
    r, i = req(p["key"]), "task:" + task
    r.ids.add(i)
    prev = None
    assert runs[task], task
    for n, e in enumerate(runs[task]):
        t, x = end_of(e)
        out = x.get("outcome", "skipped") if x else "crashed"
        dup = False
        if n == 0: op(r, e["op"] + "q", p["parent"], "queue_wait", p["name"], p["t"], e["t"], "ok", [i])
        elif prev["outcome"] == "crashed":
            op(r, e["op"] + "q", p["parent"], "queue_wait", "redelivery", prev["end"], e["t"], "redelivered", [i]); dup = r.dup = True
        else:
            assert prev["outcome"] == "retry", (task, prev["outcome"])
            op(r, e["op"] + "w", p["parent"], "retry_wait", "job retry", prev["end"], e["t"], "retry", [i])
            r.tr += 1
            if bad[prev["id"]] >= 2 or p["name"] == "post_to_ledger": r.sem = True
            else: r.tra = True
        prev = op(r, e["op"], p["parent"], "task", p["name"], e["t"], t, out, [i], attempt=n + 1, duplicate=dup)
    assert prev["outcome"] in ("ok", "error"), (task, prev)
    r.dead |= task in give
    assert (prev["outcome"] == "error") == (task in give)
# lines
texts = {f: open(f"{LOGS}/{f}", "rb").read() for f in FILES}
starts = {f: [0] + [i + 1 for i, c in enumerate(b) if c == 10][:-1] for f, b in texts.items()}
owned, acc = collections.defaultdict(dict), collections.defaultdict(set)
last = {}
for e in ev["line"]:
    last[(e["file"], e["off"])] = e
for (f, off), e in last.items():
    if off >= len(texts[f]): print("noted but not written", e); continue
    n = bisect.bisect_left(starts[f], off)
    assert starts[f][n] == off, e
    acc[f].add(n + 1)
    if e["key"]: owned[f][n + 1] = e["key"]
for f in ("app.log", "gateway.log", "worker.log"):
    assert len(acc[f]) == len(starts[f]), (f, len(acc[f]), len(starts[f]))
for e in ev["edge"]:
    if e["key"]: owned["haproxy.log"][e["n"]] = e["key"]
for f, ns in owned.items():
    for n in sorted(ns):
        r = req(ns[n]); r.lines[f].append(n)
        a = starts[f][n - 1]
        r.texts[(f, n)] = texts[f][a:texts[f].index(b"\n", a)].decode()
for r in R.values():                            # edge-only requests: HAProxy's own id, if the app never saw it
    for (f, n), t in r.texts.items():
        if f == "haproxy.log":
            u = json.loads(t)["unique_id"]
            if not r.rid: r.rid = u; r.ids.add("request:" + u)
            assert r.rid == u, (r.rid, u)
        if '"receipt_id"' in t or '"receipt"' in t:
            d = json.loads(t); v = d.get("receipt_id", d.get("receipt"))
            r.rec.add(str(v))
truth, lc = [], collections.Counter()
for r in R.values():
    assert r.ops, r.key
    r.ops.sort(key=lambda o: o["start"])
    every = "\n".join(r.texts.values())
    logged = {i for i in r.ids if i.split(":", 1)[1] in every}
    fb = {}
    for x in r.fb:
        o = fb.setdefault((x["from"], x["to"]), dict(x)); o["ok"] = o["ok"] or x["ok"]
    link = collections.defaultdict(list)
    for (f, n), t in sorted(r.texts.items()):
        k = "direct" if r.rid in t else "indirect" if any(i.split(":", 1)[1] in t for i in logged) or any(v in t for v in r.rec) else "noid"
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
meta = {"name": "ledgerly", "files": {f: {"lines": len(starts[f]), "owned": len(owned[f])} for f in FILES}, "requests": len(truth), "scored": sum(not t["noise"] for t in truth),
        "scenarios": c(t["scenario"] for t in truth), "outcomes": c(t["outcome"] for t in truth if not t["noise"]), "linkability": dict(lc), "unknown_lines": {},
        "retry_class": c(t["retry_class"] for t in truth), "dup": sum(t["duplicate_delivery"] for t in truth), "dead": sum(t["dead_lettered"] for t in truth),
        "edge_client_minus_haproxy_ms": {"min": d[0], "median": d[len(d) // 2], "p90": d[int(.9 * len(d))], "max": d[-1]}, "ops": c(o["kind"] for t in truth for o in t["ops"])}
json.dump(meta, open(OUT + "/meta.json", "w"), indent=1)
print(json.dumps(meta, indent=1))
