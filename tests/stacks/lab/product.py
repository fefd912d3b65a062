"""How what happened to a product becomes operations that has one edge, one API and one queue: the visits of its clients, the API's time, and the runs of its jobs.
Read once, when a truth is built, after `ended_by`. Fails if the edge has no line of a visit or two, a job never ran, or a run follows what it cannot."""
import collections
import json

from .record import R, end_of, ev, op, req, word


class Edge:
    """The edge's own lines, by the id of the request. `read(line)`: its id, milliseconds, status and path; nothing for what is no visit."""

    def __init__(self, path, read):
        self.visits, self.others, self.owner, self.left, self.diffs = {}, [], {}, collections.Counter(), []
        self.file = path.rsplit("/", 1)[-1]
        for n, line in enumerate(open(path), 1):
            d = json.loads(line)
            told = read(d)
            if not told:
                self.others.append((n, d)); continue
            rid, ms, status, where = told
            assert rid and rid not in self.visits, line
            self.visits[rid] = {"n": n, "ms": ms, "status": status, "path": where}

    def give_lines(self, written, id_of=lambda d: None):
        """Gives each visit its line, and what else the edge says of one (`id_of`)."""
        assert len(written.starts[self.file]) == len(self.visits) + len(self.others) and len(self.visits) == len(self.owner), (len(written.starts[self.file]), len(self.visits))
        for rid, key in self.owner.items(): written.owned[self.file][self.visits[rid]["n"]] = key
        for n, d in self.others:
            if id_of(d): written.owned[self.file][n] = self.owner[id_of(d)]


def visits(edge, cut):
    """Measured at the client. `cut`: the scenario whose streams the provider cuts."""
    apps = {e["key"]: e for e in ev["app_start"]}
    assert len(apps) == len(ev["app_start"])
    for e in ev["client"]:
        r = req(e["key"])
        r.scenario, r.aborted, r.noise, r.status = e["scenario"], e["aborted"], e["scenario"] in ("scan", "health"), e["status"]
        r.broken = bool(e["broken"])
        assert r.broken == (e["scenario"] == cut), e
        r.client.append({k: e[k] for k in ("start", "end", "status", "aborted")})
        if e["key"] in apps:
            r.rid = end_of(apps[e["key"]])[1]["rid"]
        assert not (r.rid and e["rid"]) or r.rid == e["rid"], e
        r.rid = r.rid or e["rid"]
        if r.rid: r.ids.add("request:" + r.rid)
        if e["via"] == "edge":
            x = edge.visits[r.rid]
            assert x["path"] == e["name"].split(" ")[1], (e, x)
            assert edge.owner.setdefault(r.rid, e["key"]) == e["key"], e
            if e["aborted"]:
                r.status = x["status"]; edge.left[x["status"]] += 1
            op(r, "edge-" + e["key"], None, "edge", e["name"], e["start"], e["end"], "client_disconnect" if e["aborted"] else "error" if r.broken else word(e["status"]), ["request:" + r.rid], status=r.status)
            assert x["status"] == r.status, (e, x)
            if not e["aborted"] and not r.broken: edge.diffs.append((e["end"] - e["start"]) / 1e6 - x["ms"])
        else:
            assert not r.rid or r.noise, e
    assert set(edge.owner) == set(edge.visits)
    for e in ev["app_start"]:
        r, (t, x) = req(e["key"]), end_of(e)
        assert r.client, e
        if e["trace"]: r.ids.add("trace:" + e["trace"].split("-")[1])
        outcome = "error" if r.broken else "client_disconnect" if r.aborted else word(x["status"]) if x["whole"] else "error"
        op(r, e["op"], "edge-" + e["key"] if R[e["key"]].rid else None, "app", e["name"], e["t"], t, outcome, ["request:" + r.rid] if r.rid else [], status=x["status"])


def jobs(ends, semantic):
    """`ends`: what the words of the queue mean (done, skipped, retry, error), `semantic`: the exception of an answer that does not fit. Gives what was put into the queue, and how
    many jobs were worked twice."""
    runs, pub = collections.defaultdict(list), {}
    doubled = {e["task"] for e in ev["doubled"]}
    for e in ev["publish"]:
        assert e["task"] not in pub
        pub[e["task"]] = e
    for e in ev["task_start"]: runs[e["task"]].append(e)
    assert set(runs) <= set(pub), set(runs) - set(pub)
    how = lambda x: {"done": "ok" if x["ran"] else "skipped"}.get(ends[x["how"]], ends[x["how"]])
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
            out = how(x) if x else "crashed"
            dup = False
            if not prev:
                op(r, e["op"] + "q", p["parent"], "queue_wait", name, p["t"], max(e["t"], p["t"]), "ok", own)
            elif prev["outcome"] == "crashed":
                op(r, e["op"] + "q", p["parent"], "queue_wait", "redelivery", prev["end"], e["t"], "redelivered", own); dup = r.dup = True
            else:
                assert prev["outcome"] == "retry", (task, prev)
                op(r, e["op"] + "w", p["parent"], "retry_wait", "task retry", min(prev["end"], e["t"]), e["t"], "retry", own)
                r.tr += 1
                if prev_x["exc"] == semantic: r.sem = True
                else: r.tra = True
            prev, prev_x = op(r, e["op"], p["parent"], "task", name, e["t"], t, out, own, attempt=e["attempt"], duplicate=dup), x
            if out == "error": r.dead = True
        assert prev["outcome"] in ("ok", "error", "skipped"), (task, prev)
        for e in extra:
            t, x = end_of(e)
            assert ends[x["how"]] in ("done", "skipped"), x
            r.dup = True
            op(r, e["op"], p["parent"], "task", name, e["t"], t, "ok" if x["ran"] else "skipped", own, attempt=e["attempt"], duplicate=True)
            overlapped += x["ran"]
    return pub, overlapped
