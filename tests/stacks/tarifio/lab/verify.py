"""Truth against what the logs say by themselves: owners by id, counts, durations, times, and which operations no line tells of."""
import collections
import datetime as dt
import re
from .checked import nested, owners, stretches
FILES = ("lb.log", "api.log", "worker-a.log", "worker-b.log", "toolshed.log")
T, L, J, ops = owners(FILES)
c = lambda f: sum(1 for t, o in ops if f(o))
A, W = J["api.log"], J["worker-a.log"] + J["worker-b.log"]
msg = lambda d: str(d["record"]["message"] if "record" in d else d.get("message") or d.get("msg") or "")
x_ = lambda d: d["record"]["extra"]
m = lambda ls, *ws: sum(any(w in msg(d) for w in ws) for d in ls)
is_ = lambda ls, *ws: sum(msg(d) in ws for d in ls)
# whose jobs a line names
job_of = {i[4:]: t["key"] for t in T for i in t["ids"] if i.startswith("job:")}
own = {(f, n): t for t in T for f, ns in t["lines"].items() for n in ns}
named = collections.Counter()
for f in FILES:
    for n, l in enumerate(L[f], 1):
        ks, o = {job_of[x] for x in map("".join, re.findall(r'"(?:job_id|jobId|nextJobId)": ?(\d+)|lease of job (\d+)', l)) if x in job_of}, own.get((f, n))
        if not o and ks: named[("nobody's", f, len(ks))] += 1
        if o and ks - {o["key"]}:
            named[("other's", f, o["scenario"])] += 1
            if o["scenario"] != "poll": print("OTHER'S JOB", f, n, o["scenario"], l[:200])
print("lines naming jobs of", dict(named))
task = lambda *outs: c(lambda o: o["kind"] == "task" and (not outs or o["outcome"] in outs))
print("runs", task(), "-skipped", task() - task("skipped"), "started", is_(W, "job started"))
print("  ok", task("ok"), is_(W, "job finished"), "| retry", task("retry"), is_(W, "job failed, will run again"), "| skipped", task("skipped"), m(W, "job was done before"), "| dead", task("error"), is_(W, "job given up"), "| crashed", task("crashed"), "lease lines", m(W, "lease of job"))
print("published", c(lambda o: o["kind"] == "queue_wait" and o["name"] != "redelivery"), sum(msg(d).startswith("queued ") for d in A) + is_(W, "declaration queued"), "redelivered", c(lambda o: o["name"] == "redelivery"))
mc = lambda pre, *outs: c(lambda o: o["kind"] == "model_call" and o["id"].startswith(pre) and (not outs or o["outcome"] in outs))
at = lambda ls, w: sum(msg(d).startswith("model attempt") and w in msg(d) for d in ls)
print("model calls api", mc("api"), "=", "ok", mc("api", "ok"), is_(A, "model answered", "model stream complete"), "failed", mc("api", "server_error", "rate_limited", "rejected"), at(A, "failed"), "timeout", mc("api", "timeout"), at(A, "timed out"), "cancelled", mc("api", "cancelled"), is_(A, "model stream dropped"), "broken", mc("api", "broken"), m(A, "model stream broke"))
print("model calls worker", mc("worker"), "begun", is_(W, "model call start"), "=", "ok", mc("worker", "ok"), is_(W, "model call end"), "failed", mc("worker", "server_error", "rate_limited", "rejected"), is_(W, "model call failed"), "timeout", mc("worker", "timeout"), is_(W, "model call timed out"), "crashed", mc("worker", "crashed"))
for n, ls in (("api", A), ("worker", W)): print("  retries", n, c(lambda o: o["kind"] == "retry_wait" and o["name"].startswith("backoff") and o["id"].startswith(n)), is_(ls, "retrying model call") + m(ls, "before next attempt"))
print("fallbacks", sum(len(t["fallbacks"]) for t in T), "lines", m(A, "is unavailable, using") + is_(W, "fallback to other model"), "| tools", c(lambda o: o["kind"] == "tool"), sum("toolCallId" in d for d in W))
print("semantic", sum(t["retry_class"] == "semantic" for t in T), "asked again", m(A + W, "asking again"))
QUIET = ("question_audit",)
is_write = lambda d: ("record" in d and "table" in x_(d)) or msg(d).startswith("db ")
print("writes", c(lambda o: o["kind"] == "db_write"), "quiet", c(lambda o: o["kind"] == "db_write" and o["name"] in QUIET), "crashed", c(lambda o: o["kind"] == "db_write" and o["outcome"] == "crashed"), "lines", sum(map(is_write, A + W)))
print("  by table", dict(collections.Counter(o["name"] for t, o in ops if o["kind"] == "db_write")))


def tell(t, f, l, near):
    if f == "api.log":
        e = x_(l)
        if "elapsed_ms" in e: near("api app", "app", e["elapsed_ms"])
        if "table" in e: near("api db_write", "db_write", e["query_ms"], "api")
        if "seconds" in e: near("api model_call", "model_call", e["seconds"] * 1e3, "api")
        if "sleep_s" in e: near("api retry_wait", "retry_wait", e["sleep_s"] * 1e3, "api")
    elif f.startswith("worker"):
        if msg(l).startswith("db "): near("worker db_write", "db_write", l["durationMs"], "worker")
        if msg(l).startswith("model call") and "durationMs" in l: near("worker model_call", "model_call", l["durationMs"], "worker")
        if "waitMs" in l: near("worker retry_wait", "retry_wait", l["waitMs"], "worker")
        if "retryInMs" in l: near("task retry", "retry_wait", l["retryInMs"], "worker")
        if "toolCallId" in l: near("tool", "tool", l["durationMs"])
        if "queuedMs" in l: near("queue_wait", "queue_wait", l["queuedMs"])
        if msg(l).startswith("job ") and "durationMs" in l: near("task", "task", l["durationMs"])
    elif f == "lb.log":
        if not t["aborted"]: near("edge", "edge", float(l["httpRequest"]["latency"][:-1]) * 1e3)
    elif "secs" in l: near("toolshed app", "app", l["secs"] * 1e3)


def instant(l):
    if "record" in l: return l["record"]["time"]["timestamp"]
    return dt.datetime.fromisoformat((l.get("timestamp") or l["ts"]).replace("Z", "+00:00")).timestamp()


JOBS = ("task", "queue_wait", "retry_wait")
stretches(T, L, J, tell, instant, {"lb.log": ("edge",), "api.log": ("app",), "toolshed.log": ("app",), "worker-a.log": JOBS, "worker-b.log": JOBS})
for t in T:
    nested(t)
    if t["scenario"] != "poll" and not t["noise"]:
        want = {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "401": "rejected", "404": "rejected", "422": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if t["scenario"] == "cls_file_down": want = "ok"
        if t["scenario"] == "shed_read": want = t["outcome"] if t["outcome"] in ("ok", "rejected") else "ok"
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])

# ---- operations that no line of our own tells of, request by request
untold, total = collections.Counter(), collections.Counter()
for t in T:
    if t["noise"]: continue
    ls = [J[f][n - 1] for f, ns in t["lines"].items() for n in ns]
    x = lambda *ws: sum(msg(d).startswith(ws) for d in ls)
    k = collections.Counter(o["kind"] for o in t["ops"])
    total.update(k)
    told = {"edge": sum("httpRequest" in d for d in ls), "app": sum("record" in d and "status" in x_(d) for d in ls) + is_(ls, "request"), "task": x("job started", "job was done before"),
            "queue_wait": x("queued ", "declaration queued", "lease of job"), "model_call": x("model answered", "model stream", "model attempt", "model call start"),
            "retry_wait": x("sleeping ", "retrying model call", "job failed, will"), "tool": sum("toolCallId" in d for d in ls), "db_write": sum(map(is_write, ls))}
    for kind, n in k.items():
        if n > told[kind]: untold[kind + (" (" + ", ".join(sorted({o["name"] for o in t["ops"] if o["kind"] == "db_write" and (o["name"] in QUIET or o["outcome"] == "crashed")})) + ")" if kind == "db_write" else " " + t["scenario"])] += n - told[kind]
        if n < told[kind]: print("more lines than operations", t["scenario"], kind, n, told[kind])
print("untold:", dict(untold), "of", sum(total.values()), "operations:", round(100 * sum(untold.values()) / sum(total.values()), 1), "%")
