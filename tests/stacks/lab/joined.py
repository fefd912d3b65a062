"""How operations and lines of a play become truth: stores and tools, the attempts of calls, whose each line is, and what is said of a request. Read once, when a truth is
built, after `ended_by`. Fails if a line has no owner entry or two, or the parts disagree."""
import bisect
import collections
import json
import re

from .record import R, end_of, ev, kills, op, req, word
from .truth import breakdown, write


def stores_and_tools():
    for e in ev["db_start"]:
        t, x = end_of(e)
        op(req(e["key"]), e["op"], e["parent"], "db_write", e.get("table") or e["name"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error")
    for e in ev["tool_start"]:
        r, (t, x) = req(e["key"]), end_of(e)
        r.ids.add("tool:" + e["id"])
        op(r, e["op"], e["parent"], "tool", e["name"], e["t"], t, "crashed" if not x else "ok" if x["ok"] else "error", ["tool:" + e["id"]])


def model_calls():
    """One operation an attempt; below one parent they run one after another."""
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


class Written:
    """The lines of the logs with their owners, as the side channel noted them. `may_go_on(event)` tells of which records several lines are one."""

    def __init__(self, logs, files, tapped, may_go_on=lambda e: False):
        texts = {f: open(f"{logs}/{f}", "rb").read() for f in files}
        starts = {f: ([0] + [i + 1 for i, c in enumerate(b) if c == 10][:-1]) if b else [] for f, b in texts.items()}
        owned, last, unwritten = collections.defaultdict(dict), {}, 0
        cont = collections.defaultdict(dict)   # lines behind the first of a record
        for e in ev["line"]:
            assert e["lines"] == 1 or may_go_on(e), e
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
        for f in tapped:
            for n, s in enumerate(starts[f], 1):
                assert ((f, s) in last) != (n in cont[f]), (f, n, text_of(f, n))
                assert text_of(f, n).startswith("{") or n in cont[f] or n + 1 in cont[f], (f, n)
        self.texts, self.starts, self.owned, self.cont, self.unwritten, self.text_of = texts, starts, owned, cont, unwritten, text_of

    def to_requests(self):
        """Gives each request its lines; called when the edge's are known, too."""
        for f, ns in self.owned.items():
            for n in sorted(ns):
                assert ns[n] in R, (f, n, ns[n])
                r = R[ns[n]]
                r.lines[f].append(n)
                r.texts[(f, n)] = self.text_of(f, n)


def documents(written, numbers, short, record, prompt):
    """What truth says of each request, and how its lines bear ids. `numbers(file, text)`: the short ids (as `short` tells) of a line; `record`, `prompt`: patterns."""
    truth, lc = [], collections.Counter()
    for r in R.values():
        assert r.ops, r.key
        r.ops.sort(key=lambda o: o["start"])
        for (f, n), t in r.texts.items():
            r.rec.update(re.findall(record, t))
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
            "prompt_versions": sorted(set(re.findall(prompt, every))),
            "ids": sorted(logged), "ids_unlogged": sorted(r.ids - logged) + sorted("record:" + v for v in r.rec), "ops": r.ops, "client": r.client, "breakdown_ms": breakdown(r.ops),
            "lines": {f: v for f, v in sorted(r.lines.items())}, "cont": {f: ns for f in written.texts if (ns := [n for n in sorted(written.cont[f]) if written.cont[f][n] == r.key])}, "linkability": dict(link)})
    return truth, lc


def finish(name, out, written, truth, linked, diffs, **more):
    """Writes truth and what sums it up."""
    write(truth, out)
    c = lambda it: dict(collections.Counter(it).most_common())
    d = sorted(diffs)
    S = [t for t in truth if not t["noise"]]
    meta = {"name": name, "files": {f: {"lines": len(written.starts[f]), "owned_records": len(written.owned[f]), "continuation_lines": len(written.cont[f]), "unmatched_records": 0, "bytes": len(text)} for f, text in written.texts.items()},
            "clock_offsets": {}, "requests": len(truth), "scored": len(S), "scored_lines": sum(len(v) for t in S for v in t["lines"].values()), "scenarios": c(t["scenario"] for t in truth), "outcomes": c(t["outcome"] for t in S), "linkability": dict(linked), "unknown_lines": {},
            "retry_class": c(t["retry_class"] for t in S), "fallback": sum(t["fallback"] for t in S), "degraded": sum(t["degraded"] for t in S), "dup": sum(t["duplicate_delivery"] for t in S), "dead": sum(t["dead_lettered"] for t in S),
            "ids": c(i.split(":")[0] for t in S for i in t["ids"]), "ids_unlogged": c(i.split(":")[0] for t in S for i in t["ids_unlogged"]), "ops": c(o["kind"] for t in S for o in t["ops"]), "op_outcomes": c(o["kind"] + " " + o["outcome"] for t in S for o in t["ops"]),
            "client_minus_edge_ms": {"min": d[0], "median": d[len(d) // 2], "p90": d[int(.9 * len(d))], "max": d[-1]}, "side_entries_never_written": written.unwritten, **more, "killed_processes": len(kills), "most_at_once": max(sum(1 for t in S if t["start"] <= x["start"] < t["end"]) for x in S),
            "most_open_at_the_edge": max(sum(1 for t in S if t["client"][0]["start"] <= x["start"] < t["client"][0]["end"]) for x in S)}
    json.dump(meta, open(out + "/meta.json", "w"), indent=1)
    print(json.dumps(meta, indent=1))
