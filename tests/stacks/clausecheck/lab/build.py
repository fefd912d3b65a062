"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, an operation no end, a parent is missing, times do not add up."""
import collections, json
from .joined import Written, documents, finish, model_calls, stores_and_tools
from .record import LAB, R, end_of, ended_by, ev, op, req, word
LOGS, OUT = "logs", "truth"
TAPPED = ["api.log", "enrich-1.log", "enrich-2.log", "jobs.log", "feedback.log"]
FILES = ["edge-access.log"] + TAPPED
assert not ev["conflict"], ev["conflict"][0]
ended_by("model_end", "db_end", "task_end", "app_end", "tool_end")
# ---- the edge, measured at the client
edge, diffs = {}, []
for l in open(LAB + "/edge.tsv"):
    vxid, key, us, status = l.rstrip("\n").split("|")
    assert vxid not in edge and key != "-", l
    edge[vxid] = {"key": key, "ms": int(us) / 1e3, "status": int(status)}
vx = {e["key"]: v for v, e in edge.items()}
assert len(vx) == len(edge)
apps = {e["key"]: e for e in ev["app_start"]}
assert len(apps) == len(ev["app_start"])
for e in ev["client"]:
    r = req(e["key"])
    r.scenario, r.aborted, r.noise, r.status = e["scenario"], e["aborted"], e["scenario"] in ("scan", "health"), e["status"]
    r.broken = bool(e["broken"])
    assert not r.broken or e["scenario"] == "draft_break", e
    r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})
    if e["key"] in apps:
        r.rid = end_of(apps[e["key"]])[1]["rid"]
        if r.rid: r.ids.add("request:" + r.rid)
    if e["via"] == "edge":
        v = vx[e["key"]]
        r.ids.add("request:" + v)
        ids = ["request:" + v] + (["request:" + r.rid] if r.rid else [])
        op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect" if e["aborted"] else "error" if r.broken else word(e["status"]), ids, status=e["status"])
        assert e["aborted"] or edge[v]["status"] == e["status"], (e, edge[v])
        if not e["aborted"] and not r.broken: diffs.append((e["end"] - e["start"]) / 1e6 - edge[v]["ms"])
assert sum(e["via"] == "edge" for e in ev["client"]) == len(edge)
# ---- the app
for e in ev["app_start"]:
    r, (t, x) = req(e["key"]), end_of(e)
    assert r.client, e
    if e["trace"]: r.ids.add("trace:" + e["trace"].split("-")[1])
    op(r, e["op"], "edge-" + e["key"] if e["key"] in vx else None, "app", e["name"], e["t"], t, word(x["status"]) if x["whole"] else "client_disconnect" if r.aborted else "error", ["request:" + r.rid] if r.rid else [], status=x["status"])
stores_and_tools()
model_calls()
# ---- tasks
runs, pub, doubled = collections.defaultdict(list), {}, collections.defaultdict(set)
for e in ev["publish"]:
    assert e["task"] not in pub
    pub[e["task"]] = e
for e in ev["doubled"]: doubled[e["task"]].add(e["seq"])
for e in ev["task_start"]: runs[e["task"]].append(e)
assert set(runs) <= set(pub), set(runs) - set(pub)
overlapped = unseen = 0
for task, p in pub.items():
    r = req(p["key"])
    assert runs[task], ("never ran", p)
    if "seq" in p:
        name, own = p["name"], ["task:" + task]
        r.ids.update(own + [f"job:{p['stream']}:{s}" for s in {p["seq"]} | doubled[task]])
        first = [e for e in runs[task] if e["seq"] == p["seq"]]
        extra = [e for e in runs[task] if e["seq"] != p["seq"]]
        assert all(e["seq"] in doubled[task] for e in extra)
    else:
        name, own, first, extra = p["name"], ["job:" + task], runs[task], []
        r.ids.update(own)
    prev = prev_x = None
    for e in first:
        t, x = end_of(e)
        ids = own + ([f"job:{p['stream']}:{e['seq']}"] if "seq" in p else [])
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
            if prev_x["exc"] in ("BadExtraction", "UnexpectedModelBehavior"): r.sem = True
            else: r.tra = True
        prev, prev_x = op(r, e["op"], p["parent"], "task", name, e["t"], t, out, ids, attempt=e["attempt"], duplicate=dup), x
        if out == "error": r.dead = True
    assert prev["outcome"] in ("ok", "error", "skipped"), (task, prev)
    for e in extra:
        t, x = end_of(e)
        assert x["how"] == "ack", x
        r.dup = True
        o = op(r, e["op"], p["parent"], "task", name, e["t"], t, "ok" if x["ran"] else "skipped", own + [f"job:{p['stream']}:{e['seq']}"], attempt=e["attempt"], duplicate=True)
        overlapped += x["ran"]
    if extra: assert prev["outcome"] in ("ok", "skipped")
# ---- lines
W = Written(LOGS, FILES, TAPPED, may_go_on=lambda e: e["file"] == "api.log" and e["key"]) # h3 prints an unhandled error over several lines
assert len(W.starts["edge-access.log"]) == len(edge), (len(W.starts["edge-access.log"]), len(edge))
for n in range(1, len(edge) + 1):
    W.owned["edge-access.log"][n] = edge.pop(str(json.loads(W.text_of("edge-access.log", n))["vxid"]))["key"]
W.to_requests()


def numbers(f, t):
    """The short ids that a line holds, as its fields say it."""
    if not t.startswith("{"): return set()
    d = json.loads(t)
    if f.startswith("edge"): return {"request:%d" % d["vxid"]}
    if f == "api.log": d = d["properties"]; return {f"job:{d['stream']}:{d['seq']}"} if "seq" in d else set()
    if f.startswith("enrich"):
        out = {f"job:{d['nats']['stream']}:{d['nats']['seq']}"} if "nats" in d and "seq" in d["nats"] else set()
        return out | {f"job:{j['queue']}:{j['id']}" for j in d.get("jobs") or []}
    return {f"job:{d['job']['queue']}:{d['job']['id']}"} if f == "jobs.log" and "job" in d else set()


short = lambda i: i.startswith("job:") or (i.startswith("request:") and i[8:].isdigit())
truth, linked = documents(W, numbers, short, r'(?:contract_?[iI]d"?[=:] ?|contract \\?"?|v1/(?:contracts|reviews)/|rowId":")(\d+)', r'(?:promptVersion":|"prompt":\{"version":)"([^"]+)')
finish("clausecheck", OUT, W, truth, linked, diffs, duplicates_worked_twice=overlapped, first_seen_on_second_delivery=unseen)
