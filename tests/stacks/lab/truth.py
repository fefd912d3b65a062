"""What the truth of several stacks is summed up by: time of each kind as logged, without overlaps, and each instant given to one kind."""
import collections, gzip, json, os
PRI = ["model_call", "db_write", "retry_wait", "tool", "task", "queue_wait", "app", "edge"]


def union(iv):
    total, end = 0, None
    for s, e in sorted(iv):
        if end is None or s > end: total, end = total + e - s, e
        elif e > end: total, end = total + e - end, e
    return total


def breakdown(ops):
    cuts, excl = sorted({x for o in ops for x in (o["start"], o["end"])}), collections.Counter()
    for a, b in zip(cuts, cuts[1:]):
        kinds = {o["kind"] for o in ops if o["start"] <= a and o["end"] >= b}
        for k in PRI:
            if k in kinds:
                excl[k] += b - a; break
    kinds = [k for k in PRI[::-1] if any(o["kind"] == k for o in ops)]
    ms = lambda ns: round(ns / 1e6, 3)
    return {"sum": {k: ms(sum(o["end"] - o["start"] for o in ops if o["kind"] == k)) for k in kinds},
            "union": {k: ms(union([(o["start"], o["end"]) for o in ops if o["kind"] == k])) for k in kinds},
            "exclusive": {k: ms(excl[k]) for k in PRI if excl[k]}}


def write(truth, out):
    """Writes the truth in order of time, if it agrees with itself: each key, operation and line once, parents that exist, times that add up."""
    truth.sort(key=lambda t: t["start"])
    assert len({t["key"] for t in truth}) == len(truth)
    seen = {}
    for t in truth:
        mine = {o["id"] for o in t["ops"]}
        assert len(mine) == len(t["ops"]) and all(o["parent"] is None or o["parent"] in mine for o in t["ops"]), t["key"]
        assert t["noise"] or t["lines"], t["key"]
        assert abs(sum(t["breakdown_ms"]["exclusive"].values()) - union([(o["start"], o["end"]) for o in t["ops"]]) / 1e6) < .05, t["key"]
        assert t["retry_count"] == t["model_retries"] + t["task_retries"], t["key"]
        for k, v in t["breakdown_ms"]["union"].items(): assert v <= t["breakdown_ms"]["sum"][k] + .01, t["key"]
        for f, ns in t["lines"].items():
            for n in ns:
                assert (f, n) not in seen, (f, n)
                seen[(f, n)] = t["key"]
    os.makedirs(out, exist_ok=True)
    with gzip.open(out + "/truth.jsonl.gz", "wt") as z:
        for t in truth: z.write(json.dumps(t) + "\n")
