"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, an operation no end, a parent is missing, times do not add up."""
import collections, datetime as dt, json
from .joined import Written, documents, finish, model_calls, stores_and_tools
from .record import R, end_of, ended_by, ev, op, req, word
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
W = Written(LOGS, FILES, TAPPED)
assert len(W.starts["edge-access.log"]) == len(edge) == len(edge_owner), (len(W.starts["edge-access.log"]), len(edge))
for rid, key in edge_owner.items(): W.owned["edge-access.log"][edge[rid]["n"]] = key
W.to_requests()


def numbers(f, t):
    """The numbers of jobs that a line holds, as its fields say it."""
    d = json.loads(t)
    return {"job:%d" % d[k] for k in ("job_no", "next_job_no") if k in d}


short = lambda i: i.startswith("job:")
truth, linked = documents(W, numbers, short, r'api/reviews/(\d+)', r'"prompt_version": "([^"]+)')
finish("guestnote", OUT, W, truth, linked, diffs, duplicates_worked_twice=overlapped, first_seen_on_second_delivery=unseen, left_without_edge_line=unlogged_at_edge)
