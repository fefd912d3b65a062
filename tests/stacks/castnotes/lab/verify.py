"""Truth against what the logs say by themselves: owners by id, counts, durations, times, and which operations no line tells of."""
import collections
import datetime as dt
import re
from .checked import nested, owners, stretches
FILES = ("gateway.log", "api.log", "worker-1.log", "worker-2.log", "studio.log")
T, L, J, ops = owners(FILES)
c = lambda f: sum(1 for t, o in ops if f(o))
A, W = J["api.log"], J["worker-1.log"] + J["worker-2.log"]
msg = lambda d: str(d.get("message") or d.get("msg") or d.get("event") or "")
m = lambda ls, *ws: sum(any(w in msg(d) for w in ws) for d in ls)
is_ = lambda ls, *ws: sum(msg(d) in ws for d in ls)
lasts = lambda d: isinstance(d.get("event"), dict) and "duration" in d["event"]
# whose jobs a line names
job_of = {i[4:]: t["key"] for t in T for i in t["ids"] if i.startswith("job:")}
own = {(f, n): t for t in T for f, ns in t["lines"].items() for n in ns}
named = collections.Counter()
for f in FILES:
    for n, l in enumerate(L[f], 1):
        ks, o = {job_of[x] for x in re.findall(r"[0-9a-v]{20}", l) if x in job_of}, own.get((f, n))
        if not o and ks: named[("nobody's", f, len(ks))] += 1
        if o and ks - {o["key"]}:
            named[("other's", f, o["scenario"])] += 1
            if o["scenario"] != "poll": print("OTHER'S JOB", f, n, o["scenario"], l[:200])
print("lines naming jobs of", dict(named))
task = lambda *outs: c(lambda o: o["kind"] == "task" and (not outs or o["outcome"] in outs))
print("runs", task(), "-skipped", task() - task("skipped"), "started", is_(W, "job started"))
print("  ok", task("ok"), is_(W, "job finished"), "| retry", task("retry"), m(W, "job failed, retry"), "| skipped", task("skipped"), m(W, "already done"), "| dead", task("error"), is_(W, "job failed for good"), "| crashed", task("crashed"), "claimed lines", m(W, "claimed entry"))
print("published", c(lambda o: o["kind"] == "queue_wait" and o["name"] != "redelivery"), is_(A, "job enqueued") + is_(W, "publish job sent"), "redelivered", c(lambda o: o["name"] == "redelivery"))
mc = lambda pre, *outs: c(lambda o: o["kind"] == "model_call" and o["id"].startswith(pre) and (not outs or o["outcome"] in outs))
print("model calls api", mc("api"), "=", "ok", mc("api", "ok"), is_(A, "model call ok", "model stream ok"), "failed", mc("api", "server_error", "rate_limited", "rejected"), is_(A, "model call failed"), "timeout", mc("api", "timeout"), is_(A, "model call timed out"), "cancelled", mc("api", "cancelled"), is_(A, "model call canceled", "model stream canceled"), "broken", mc("api", "broken"), is_(A, "model stream broke"))
print("model calls worker", mc("worker"), "begun", is_(W, "llm call started"), "=", "ok", mc("worker", "ok"), is_(W, "llm call finished"), "failed", mc("worker", "server_error", "rate_limited", "rejected"), m(W, "llm call failed"), "timeout", mc("worker", "timeout"), is_(W, "llm call timed out"), "crashed", mc("worker", "crashed"))
for n, ls in (("api", A), ("worker", W)): print("  retries", n, c(lambda o: o["kind"] == "retry_wait" and o["name"].startswith("backoff") and o["id"].startswith(n)), is_(ls, "retrying after pause", "backing off before next llm call"))
print("fallbacks", sum(len(t["fallbacks"]) for t in T), "lines", is_(A, "model fallback") + m(W, "giving up on"), "| tools", c(lambda o: o["kind"] == "tool"), sum("tool" in d for d in W))
print("semantic", sum(t["retry_class"] == "semantic" for t in T), "asked again", m(A + W, "asking once more", "asking again"))
QUIET = ("qa_history",)
is_write = lambda d: "table" in d or "db" in d
print("writes", c(lambda o: o["kind"] == "db_write"), "quiet", c(lambda o: o["kind"] == "db_write" and o["name"] in QUIET), "crashed", c(lambda o: o["kind"] == "db_write" and o["outcome"] == "crashed"), "lines", sum(map(is_write, A + W)))
print("  by table", dict(collections.Counter(o["name"] for t, o in ops if o["kind"] == "db_write")))


def tell(t, f, l, near):
    if f == "api.log":
        if "duration" in l:
            kind = "app" if msg(l) == "request done" else "db_write" if "table" in l else "model_call" if "model" in l else None
            if kind: near("api " + kind, kind, l["duration"], "api")
        if "wait" in l: near("api retry_wait", "retry_wait", l["wait"], "api")
    elif f.startswith("worker"):
        if lasts(l):
            kind = "db_write" if "db" in l else "model_call" if "llm" in l else "tool" if "tool" in l else "task" if msg(l).startswith("job ") else None
            if kind: near("worker " + kind, kind, l["event"]["duration"] / 1e6, "worker")
        if "retry" in l: near("task retry" if msg(l).startswith("job ") else "worker retry_wait", "retry_wait", l["retry"]["delay_ms"], "worker")
        if "queue" in l: near("queue_wait", "queue_wait", l["queue"]["wait_ms"])
    elif f == "gateway.log":
        if not t["aborted"] and "responseTime" in l: near("edge", "edge", l["responseTime"])
    elif "duration_s" in l: near("studio app", "app", l["duration_s"] * 1e3)


def instant(l):
    x = l.get("time") or l.get("@timestamp") or l.get("timestamp")
    return x / 1e3 if isinstance(x, int) else dt.datetime.fromisoformat(x.replace("Z", "+00:00")).timestamp()


JOBS = ("task", "queue_wait", "retry_wait")
stretches(T, L, J, tell, instant, {"gateway.log": ("edge",), "api.log": ("app",), "studio.log": ("app",), "worker-1.log": JOBS, "worker-2.log": JOBS})
for t in T:
    nested(t)
    if t["scenario"] != "poll" and not t["noise"]:
        want = {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "401": "rejected", "404": "rejected", "422": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if t["scenario"] == "sum_pub_down": want = "ok"
        if t["scenario"] == "room_read": want = t["outcome"] if t["outcome"] in ("ok", "rejected") else "ok"
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])

# ---- operations that no line of our own tells of, request by request
untold, total = collections.Counter(), collections.Counter()
for t in T:
    if t["noise"]: continue
    ls = [J[f][n - 1] for f, ns in t["lines"].items() for n in ns]
    x = lambda *ws: sum(msg(d).startswith(ws) for d in ls)
    k = collections.Counter(o["kind"] for o in t["ops"])
    total.update(k)
    told = {"edge": sum("responseTime" in d for d in ls), "app": is_(ls, "request done", "http_request"), "task": x("job started", "job is already done"),
            "queue_wait": x("job enqueued", "publish job sent", "claimed entry"), "model_call": is_(ls, "model call ok", "model stream ok", "model call failed", "model call timed out", "model call canceled", "model stream canceled", "model stream broke", "llm call started"),
            "retry_wait": is_(ls, "retrying after pause", "backing off before next llm call") + x("job failed, retry"), "tool": sum("tool" in d for d in ls), "db_write": sum(map(is_write, ls))}
    for kind, n in k.items():
        if n > told[kind]: untold[kind + (" (" + ", ".join(sorted({o["name"] for o in t["ops"] if o["kind"] == "db_write" and (o["name"] in QUIET or o["outcome"] == "crashed")})) + ")" if kind == "db_write" else " " + t["scenario"])] += n - told[kind]
        if n < told[kind]: print("more lines than operations", t["scenario"], kind, n, told[kind])
print("untold:", dict(untold), "of", sum(total.values()), "operations:", round(100 * sum(untold.values()) / sum(total.values()), 1), "%")
