"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, an operation no end, a parent is missing, times do not add up."""
import collections, json, re
from .joined import Written, documents, finish, model_calls, stores_and_tools
from .record import R, end_of, ended_by, ev, op, req, word
LOGS, OUT = "logs", "truth"
TAPPED = ["api.log", "worker-1.log", "worker-2.log", "studio.log"]
FILES = ["gateway.log"] + TAPPED
assert not ev["conflict"], ev["conflict"][0]
ended_by("model_end", "db_end", "task_end", "app_end", "tool_end")
# ---- the edge, measured at the client
diffs = []
edge, others = {}, []                                                     # the edge's own line of a request, by the id it made
for n, l in enumerate(open(LOGS + "/gateway.log"), 1):
    d = json.loads(l)
    if "responseTime" not in d:
        others.append((n, d)); continue
    h = d["req"]
    assert h["id"] and h["id"] not in edge, l
    edge[h["id"]] = {"n": n, "ms": d["responseTime"], "status": d["res"]["statusCode"], "path": h["url"]}
apps = {e["key"]: e for e in ev["app_start"]}
assert len(apps) == len(ev["app_start"])
edge_owner, left = {}, collections.Counter()
for e in ev["client"]:
    r = req(e["key"])
    r.scenario, r.aborted, r.noise, r.status = e["scenario"], e["aborted"], e["scenario"] in ("scan", "health"), e["status"]
    r.broken = bool(e["broken"])
    assert r.broken == (e["scenario"] == "note_break"), e
    r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})
    if e["key"] in apps:
        r.rid = end_of(apps[e["key"]])[1]["rid"]
    assert not (r.rid and e["rid"]) or r.rid == e["rid"], e
    r.rid = r.rid or e["rid"]
    if r.rid: r.ids.add("request:" + r.rid)
    if e["via"] == "edge":
        x = edge[r.rid]
        assert x["path"] == e["name"].split(" ")[1], (e, x)
        assert edge_owner.setdefault(r.rid, e["key"]) == e["key"], e
        if e["aborted"]:
            r.status = x["status"]; left[x["status"]] += 1
        op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect" if e["aborted"] else "error" if r.broken else word(e["status"]), ["request:" + r.rid], status=r.status)
        assert x["status"] == r.status, (e, x)
        if not e["aborted"] and not r.broken: diffs.append((e["end"] - e["start"]) / 1e6 - x["ms"])
    else:
        assert not r.rid or r.noise, e
assert set(edge_owner) == set(edge)
# ---- the app
for e in ev["app_start"]:
    r, (t, x) = req(e["key"]), end_of(e)
    assert r.client, e
    if e["trace"]: r.ids.add("trace:" + e["trace"].split("-")[1])
    op(r, e["op"], "edge-" + e["key"] if R[e["key"]].rid else None, "app", e["name"], e["t"], t, "error" if r.broken else "client_disconnect" if r.aborted else word(x["status"]) if x["whole"] else "error", ["request:" + r.rid] if r.rid else [], status=x["status"])
stores_and_tools()
model_calls()
# ---- tasks
runs, pub = collections.defaultdict(list), {}
doubled = {e["task"] for e in ev["doubled"]}
for e in ev["publish"]:
    assert e["task"] not in pub
    pub[e["task"]] = e
for e in ev["task_start"]: runs[e["task"]].append(e)
assert set(runs) <= set(pub), set(runs) - set(pub)
overlapped = 0
for task, p in pub.items():
    r = req(p["key"])
    assert runs[task], ("never ran", p)
    name, own = p["name"], ["job:" + task]
    assert all(e["key"] == p["key"] for e in runs[task])
    r.ids.update(own)
    first, extra = (runs[task][:1], runs[task][1:]) if task in doubled else (runs[task], [])
    assert len(extra) == (task in doubled), (task, extra)
    prev = prev_x = None
    for e in first:
        t, x = end_of(e)
        out = "crashed" if not x else {"done": "ok" if x["ran"] else "skipped", "skipped": "skipped", "retry": "retry", "dead": "error"}[x["how"]]
        dup = False
        if not prev:
            op(r, e["op"] + "q", p["parent"], "queue_wait", name, p["t"], max(e["t"], p["t"]), "ok", own)
        elif prev["outcome"] == "crashed":
            op(r, e["op"] + "q", p["parent"], "queue_wait", "redelivery", prev["end"], e["t"], "redelivered", own); dup = r.dup = True
        else:
            assert prev["outcome"] == "retry", (task, prev)
            op(r, e["op"] + "w", p["parent"], "retry_wait", "task retry", min(prev["end"], e["t"]), e["t"], "retry", own)
            r.tr += 1
            if prev_x["exc"] == "SchemaMismatch": r.sem = True
            else: r.tra = True
        prev, prev_x = op(r, e["op"], p["parent"], "task", name, e["t"], t, out, own, attempt=e["attempt"], duplicate=dup), x
        if out == "error": r.dead = True
    assert prev["outcome"] in ("ok", "error", "skipped"), (task, prev)
    for e in extra:
        t, x = end_of(e)
        assert x["how"] in ("done", "skipped"), x
        r.dup = True
        op(r, e["op"], p["parent"], "task", name, e["t"], t, "ok" if x["ran"] else "skipped", own, attempt=e["attempt"], duplicate=True)
        overlapped += x["ran"]
# ---- lines
W = Written(LOGS, FILES, TAPPED)
assert len(W.starts["gateway.log"]) == len(edge) + len(others) and len(edge) == len(edge_owner), (len(W.starts["gateway.log"]), len(edge))
for rid, key in edge_owner.items(): W.owned["gateway.log"][edge[rid]["n"]] = key
for n, d in others:
    if "req" in d: W.owned["gateway.log"][n] = edge_owner[d["req"]["id"]]
W.to_requests()


truth, linked = documents(W, lambda f, t: set(), lambda i: False, r'/v1/episodes/(\d+)', r'"prompt(?:_version)?": ?"([^"]+)"')
finish("castnotes", OUT, W, truth, linked, diffs, duplicates_worked_twice=overlapped, left_edge_status={str(k): v for k, v in left.items()})
