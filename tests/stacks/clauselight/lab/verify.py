import collections, gzip, json, re
T = [json.loads(l) for l in gzip.open("truth/truth.jsonl.gz")]
own, who = {}, {}
for t in T:
    for f, ns in t["lines"].items():
        for n in ns:
            assert (f, n) not in own, (f, n)
            own[(f, n)] = t
    for i in t["ids"]:
        v = i.rsplit(":", 1)[1]
        if len(v) > 8:
            assert who.setdefault(v, t["key"]) == t["key"], i
tok = re.compile(r"[A-Za-z0-9@_-]{12,}")
bad, unowned = collections.Counter(), collections.Counter()
for f in ("access.log", "apache-error.log", "app.log", "modelgate.log", "worker.log", "notifier.log"):
    for n, l in enumerate(open("logs/" + f), 1):
        o = own.get((f, n))
        ks = {who[x] for x in tok.findall(l) if x in who}
        if not o:
            unowned[(f, "with ids" if ks else "without")] += 1
            if ks: print("UNOWNED WITH ID", f, n, l[:200])
        elif ks - {o["key"]}:
            bad[(f, o["scenario"])] += 1
            if o["scenario"] != "poll": print("OTHER'S ID", f, n, o["scenario"], l[:300])
print("lines naming another's id:", dict(bad)); print("unowned:", dict(unowned))
# numbers of calls and jobs
for f, rx in (("modelgate.log", r'"call_no":(\d+)'), ("worker.log", r'gateway call (\d+)'), ("notifier.log", r'"job":(\d+)|task (\d+) ')):
    seen = {}
    for n, l in enumerate(open("logs/" + f), 1):
        for m in re.finditer(rx, l):
            v, o = m[1] or m[2] if m.lastindex and m.lastindex > 1 else m[1], own.get((f, n))
            k = o["key"] if o else None
            if seen.setdefault(v, k) != k: print("NUMBER OF TWO", f, n, v, l[:200])
c = collections.Counter(len(sum(t["lines"].values(), [])) for t in T if not t["noise"])
print("lines per owner", sorted(c.items()))
