#!/usr/bin/env python3
"""Joins the raw records of the side channel into truth/truth.jsonl.gz and truth/meta.json. Reads the logs only to check line numbers
and to say what a line carries. Standard library only."""
import argparse, collections, glob, gzip, hashlib, json, os

PRIORITY = ["model_call", "db_write", "retry_wait", "tool", "task", "queue_wait", "app", "edge"]


def rows(path):
    with open(path) as f:
        return [json.loads(x) for x in f if x.strip()]


def union(iv):
    total, end = 0, None
    for s, e in sorted(iv):
        if end is None or s > end:
            total, end = total + e - s, e
        elif e > end:
            total, end = total + e - end, e
    return total


def breakdown(ops):
    by = collections.defaultdict(list)
    for o in ops:
        by[o["kind"]].append((o["start"], o["end"]))
    cuts = sorted({t for v in by.values() for se in v for t in se})
    exclusive = collections.Counter()
    for a, b in zip(cuts, cuts[1:]):
        kind = next((k for k in PRIORITY if any(s <= a and b <= e for s, e in by.get(k, []))), None)
        if kind:
            exclusive[kind] += b - a
    ms = lambda x: round(x / 1e6, 3)
    order = [k for k in ["edge", "app"] + [k for k in by if k not in ("edge", "app")] if k in by]
    return {"sum": {k: ms(sum(e - s for s, e in by[k])) for k in order}, "union": {k: ms(union(by[k])) for k in order},
            "exclusive": {k: ms(exclusive[k]) for k in PRIORITY if k in exclusive}}


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--raw", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    driver = rows(a.raw + "/driver.ndjson")
    provider = rows(a.raw + "/provider.ndjson")
    records = [r for p in glob.glob(a.raw + "/*.ndjson") if os.path.basename(p) not in ("driver.ndjson", "provider.ndjson") for r in rows(p)]
    killed = {r["pid"]: int(r["at"]) for r in driver if r["t"] == "kill"}
    clients = {r["play"]: r for r in driver if r["t"] == "client"}

    http, ops, publish, lines = {}, {}, {}, []
    app_of = {}
    for r in sorted((r for r in records if "at" in r), key=lambda r: int(r["at"])):
        at = int(r["at"])
        if r["t"] == "arrive":
            http[r["http"]] = {"http": r["http"], "play": r["play"], "left": None, "status": None}
            app_of[r["id"]] = r["http"]
            ops[r["id"]] = {"id": r["id"], "parent": None, "kind": "app", "name": r["name"], "start": at, "end": None, "ids": [], "outcome": None, "attrs": {}, "owner": {"http": r["http"]}}
        elif r["t"] == "start":
            ops[r["id"]] = {"id": r["id"], "parent": r["parent"], "kind": r["kind"], "name": r["name"], "start": at, "end": None, "ids": r["ids"], "outcome": "ok", "attrs": r["attrs"], "owner": r["owner"], "pid": r["pid"]}
        elif r["t"] == "end":
            ops[r["id"]].update(end=at, outcome=r["outcome"], ids=r["ids"], attrs=r["attrs"])
        elif r["t"] in ("app_end", "handled", "left"):
            o, h = ops[r["id"]], http[app_of[r["id"]]]
            if r["t"] == "left":
                h["left"] = at
            else:
                o["end"] = max(o["end"] or 0, at)
                h["status"] = r.get("status", h["status"])
        elif r["t"] == "publish":
            publish[f'{r["queue"]}:{r["id"]}'] = {"at": at, "owner": r["owner"], "parent": r["parent"]}
    for r in records:
        if r["t"] == "request":
            http[r["http"]].update(uuid=r["uuid"], short=r["short"], supplied=r["supplied"])
        elif r["t"] == "line":
            lines.append(r)

    def owner(o):
        while o and "job" in o:
            p = publish.get(o["job"])
            o = p and p["owner"]
        return o and o["http"]

    # ---- ops that a kill cut off; what a job waited for
    for o in ops.values():
        if o["end"] is None:
            assert o.get("pid") in killed, ("no end", o)
            o.update(end=killed[o["pid"]], outcome="crashed")
        if o["kind"] == "model_call":
            o["call_ids"], o["ids"] = o["ids"], []
            h = o["attrs"].get("headers_at")
            o["attrs"]["headers_at"] = int(h) if h else None
    tasks = collections.defaultdict(list)
    for o in list(ops.values()):
        if o["kind"] == "task":
            tasks[o["ids"][0][4:]].append(o)
    for job, runs in tasks.items():
        runs.sort(key=lambda o: o["start"])
        p = publish[job]
        ids = ["job:" + job]
        add = lambda o, kind, start, name, outcome: ops.__setitem__(o["id"] + kind[0], {"id": o["id"] + kind[0], "parent": p["parent"], "kind": kind, "name": name, "start": start,
              "end": max(start, o["start"]), "ids": ids, "outcome": outcome, "attrs": {}, "owner": {"job": job}})
        stalled = 0
        for n, o in enumerate(runs):
            before = runs[:n]
            again = [x for x in before if x["attrs"]["attempt"] == o["attrs"]["attempt"]]
            if not before:
                add(o, "queue_wait", p["at"], o["name"], "ok")
            elif again:
                stalled += 1
                crashed = [x for x in again if x["outcome"] == "crashed"]
                if crashed and again[-1] is crashed[-1]:
                    add(o, "queue_wait", crashed[-1]["end"], "redelivery", "redelivered")
            else:
                prior = [x for x in before if x["outcome"] == "retry" and x["end"] <= o["start"]]
                if prior:
                    add(o, "retry_wait", prior[-1]["end"], "task retry", "retry")
            o["parent"] = p["parent"]
            o["attrs"].update(stalled=stalled, duplicate=bool(again))

    by_http = collections.defaultdict(list)
    for o in sorted(ops.values(), key=lambda o: o["start"]):
        by_http[owner(o["owner"])].append(o)
    assert None not in by_http, by_http.get(None)

    # ---- lines
    text = {}
    for p in sorted(glob.glob(a.out + "/logs/*.log")):
        with open(p) as f:
            text[os.path.basename(p)] = f.read().splitlines()
    noted = {(r["file"], r["n"]): r for r in lines}
    assert len(noted) == len(lines), "a line was noted twice"
    for f, v in text.items():
        for n, raw in enumerate(v, 1):
            assert noted[(f, n)]["sum"] == hashlib.sha1(raw.encode()).hexdigest()[:12], (f, n)
    assert sum(map(len, text.values())) == len(noted), "lines noted and lines written differ"
    lines_of = collections.defaultdict(lambda: collections.defaultdict(list))
    nobody = collections.defaultdict(list)
    for (f, n), r in sorted(noted.items()):
        k = owner(r["owner"])
        if k:
            lines_of[k][f].append(n)
        else:
            nobody[f].append(n)

    out, kinds = [], collections.Counter()
    for k, h in http.items():
        mine = by_http[k]
        app = mine[0]
        assert app["kind"] == "app"
        c = clients[h["play"]]
        noise = c["scenario"] == "health"
        left = h["left"] is not None
        app["ids"] = [] if noise else ["request:" + h["uuid"]]
        app["attrs"] = {"status": h["status"] if not left else 499}
        status = app["attrs"]["status"]
        app["outcome"] = "client_disconnect" if left else "timeout" if status == 504 else "error" if status >= 500 else "rejected" if status >= 400 else "ok"
        groups = collections.defaultdict(list)
        for o in mine:
            if o["kind"] == "model_call":
                groups[o["attrs"]["group"]].append(o)
        model_retries, failures, fallbacks = 0, [], []
        for g in groups.values():
            g.sort(key=lambda o: o["start"])
            for x, y in zip(g, g[1:]):
                if x["name"] == y["name"]:
                    model_retries += 1
                    failures.append(x["outcome"])
            if g[0]["name"] != g[-1]["name"]:
                fallbacks.append({"from": g[0]["name"], "to": g[-1]["name"], "ok": g[-1]["outcome"] == "ok"})
        dead = [o for o in mine if o["kind"] == "task" and o["outcome"] == "error"]
        task_retries = 0
        for o in mine:
            if o["kind"] == "retry_wait" and o["name"] == "task retry":
                task_retries += 1
                before = max((x for x in mine if x["kind"] == "task" and x["ids"] == o["ids"] and x["end"] == o["start"]), key=lambda x: x["end"])
                failures.append(before["attrs"]["failure"])
        ids = {i for o in mine for i in o["ids"] + o.get("call_ids", [])}
        own = lines_of.get(k, {})
        link, named = collections.defaultdict(list), set()
        for f, ns in sorted(own.items()):
            for n in ns:
                raw = text[f][n - 1]
                d = json.loads(raw)
                hit = {i for i in ids if not i.startswith("job:") and i.split(":", 1)[1] in raw}
                queue, job = d.get("queue"), d.get("job", d.get("jobId"))
                if queue and job is not None and f"job:{queue}:{job}" in ids:
                    hit.add(f"job:{queue}:{job}")
                named |= hit | ({f'job:finalize:{d["finalizeJob"]}'} if "finalizeJob" in d else set())
                if "request:" + h["uuid"] in hit:
                    kind = "direct"
                else:
                    kind = "indirect" if hit or d.get("reqId") == h["short"] else "noid"
                    link[kind].append([f, n])
                kinds[kind] += 0 if noise else 1
        unlogged = sorted(ids - named)
        imports = {json.loads(text[f][n - 1]).get("importId") for f, ns in own.items() for n in ns} - {None}
        aside = [f"request:{h['short']}"] + [f"import:{i}" for i in sorted(imports)]
        for o in mine:
            o["attrs"].pop("group", None)
        retries = model_retries + task_retries
        visible = not noise and "request:" + h["uuid"] in named
        out.append({
            "request_id": h["uuid"] if visible else None, "key": h["uuid"] if visible else k, "scenario": c["scenario"], "noise": noise, "client_supplied_id": h["supplied"],
            "start": min(o["start"] for o in mine), "end": max(o["end"] for o in mine),
            "outcome": app["outcome"] if app["outcome"] != "ok" else "dead_letter" if dead else "ok",
            "edge_status": None, "aborted": c["aborted"], "retried": retries > 0, "model_retries": model_retries, "task_retries": task_retries, "retry_count": retries,
            "retry_class": "none" if not retries else "semantic" if "invalid" in failures else "transient",
            "fallback": bool(fallbacks), "fallbacks": fallbacks, "degraded": any(x["ok"] for x in fallbacks), "dead_lettered": bool(dead),
            "duplicate_delivery": any(o["attrs"].get("duplicate") for o in mine), "models": sorted({o["name"] for o in mine if o["kind"] == "model_call"}),
            "prompt_versions": sorted({v for f, ns in own.items() for n in ns for v in [json.loads(text[f][n - 1]).get("promptVersion")] if v}),
            "ids": sorted(ids - set(unlogged)), "ids_unlogged": unlogged + aside,
            "ops": [{x: o[x] for x in ("id", "parent", "kind", "name", "start", "end", "ids", "outcome", "attrs")} for o in mine],
            "client": [{"start": int(c["start"]), "end": int(c["end"]), "status": c["status"], "aborted": c["aborted"]}],
            "breakdown_ms": breakdown(mine), "lines": own, "cont": {}, "linkability": link,
        })
    out.sort(key=lambda t: t["start"])
    os.makedirs(a.out + "/truth", exist_ok=True)
    with gzip.GzipFile(a.out + "/truth/truth.jsonl.gz", "wb", mtime=0) as f:
        for t in out:
            f.write((json.dumps(t) + "\n").encode())
    scored = [t for t in out if not t["noise"]]
    meta = {
        "name": "support-agent",
        "files": {f: {"lines": len(v), "owned_records": sum(len(l.get(f, [])) for l in lines_of.values()), "unmatched_records": len(nobody.get(f, [])),
                      "bytes": os.path.getsize(a.out + "/logs/" + f)} for f, v in text.items()},
        "clock_offsets": {}, "requests": len(out), "scenarios": collections.Counter(t["scenario"] for t in out),
        "outcomes": collections.Counter(t["outcome"] for t in scored), "retry_classes": collections.Counter(t["retry_class"] for t in scored),
        "owned_record_linkability": kinds, "unknown_lines": {}, "nobodys_lines": nobody,
        "provider_calls": {"seen_by_provider": len(provider), "in_truth": sum(o["kind"] == "model_call" for t in out for o in t["ops"])},
        "ids_not_scored": "ids_unlogged also holds the short request id of Fastify (unique in one process only) and the import id (an entity that polls name too)",
        "sources": {"api-*.log": "Fastify, pino, epoch milliseconds; one file a process", "worker-*.log": "Bee-Queue workers, bunyan, UTC; one file a process"},
    }
    with open(a.out + "/truth/meta.json", "w") as f:
        json.dump(meta, f, indent=1)
        f.write("\n")
    print(json.dumps({x: meta[x] for x in ("requests", "outcomes", "retry_classes", "owned_record_linkability", "provider_calls")}))


if __name__ == "__main__":
    main()
