"""What the truth of several stacks is summed up by: time of each kind as logged, without overlaps, and each instant given to one kind."""
import collections
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
