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
tok = re.compile(r"[A-Za-z0-9_]{12,}(?:-[A-Za-z0-9]{4}){0,3}-?[A-Za-z0-9_]*")
bad, unowned = collections.Counter(), collections.Counter()
for f in ("envoy-access.log", "table.log", "sidekiq.log", "brain.log", "pantry.log"):
    nums = {}
    for n, l in enumerate(open("logs/" + f), 1):
        o = own.get((f, n))
        words = set(re.findall(r"[A-Za-z0-9_]{12,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", l))
        ks = {who[x] for x in words if x in who}
        if not o:
            unowned[(f, "with ids" if ks else "without")] += 1
            if ks: print("UNOWNED WITH ID", f, n, l[:200])
        elif ks - {o["key"]}:
            bad[(f, o["scenario"])] += 1
            if o["scenario"] != "poll": print("OTHER'S ID", f, n, o["scenario"], l[:300])
        if f == "pantry.log" and o:
            i = json.loads(l)["req"]["id"]
            if nums.setdefault(i, o["key"]) != o["key"]: print("NUMBER OF TWO", n, i)
print("lines naming another's id:", dict(bad)); print("unowned:", dict(unowned))
c = collections.Counter(len(sum(t["lines"].values(), [])) for t in T if not t["noise"])
print("lines per owner", sorted(c.items()))
