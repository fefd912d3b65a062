"""What the side channel of a play tells: its events, who was killed, and the requests with their operations. Read once, when a truth is built."""
import collections
import glob
import json

LAB = "lab_out"
ev = collections.defaultdict(list)
for e in sorted((json.loads(l) for f in glob.glob(LAB + "/side-*.jsonl") for l in open(f)), key=lambda e: e["t"]):
    ev[e["ev"]].append(e)
kills = {int(f.rsplit(".", 1)[1]): int(open(f).read().split()[-1]) for f in glob.glob(LAB + "/kill.*")}
ends = {}
R = {}


class Rq:
    def __init__(s, key):
        s.key, s.rid, s.noise, s.scenario, s.client, s.ops, s.ids, s.rec = key, None, True, "health_internal", [], [], set(), set()
        s.lines, s.texts = collections.defaultdict(list), {}
        s.aborted = s.dup = s.dead = s.sem = s.tra = False
        s.prompts, s.mr, s.tr, s.fb, s.status = set(), 0, 0, [], None


def req(key):
    return R.setdefault(key, Rq(key))


def ended_by(*kinds):
    """Which events end operations: each operation once."""
    for k in kinds:
        for e in ev[k]:
            assert e["op"] not in ends, e
            ends[e["op"]] = e


def end_of(e):
    """When an operation ended, and its event; none where its process was killed."""
    x = ends.get(e["op"])
    if x: return x["t"], x
    assert e["pid"] in kills, ("no end", e)
    return kills[e["pid"]], None


def op(r, i, parent, kind, name, s, e, outcome, ids=(), **a):
    assert e >= s, (kind, name, s, e)
    o = {"id": i, "parent": parent, "kind": kind, "name": name, "start": s, "end": e, "ids": list(ids), "outcome": outcome, "attrs": a}
    r.ops.append(o)
    return o


def word(status):
    return "error" if status is None else "ok" if status < 400 else "rejected" if status < 500 else "timeout" if status == 504 else "error"
