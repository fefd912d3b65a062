"""Truth against what the logs say by themselves: owners by id, counts, durations, times, and which operations no line tells of."""
import collections
import datetime as dt
import re
from .checked import nested, owners, stretches
FILES = ("edge.log", "api.log", "worker-1.log", "worker-2.log", "parking.log")
T, L, J, ops = owners(FILES)
c = lambda f: sum(1 for t, o in ops if f(o))
A, W = J["api.log"], J["worker-1.log"] + J["worker-2.log"]
msg = lambda d: str(d.get("message") or d.get("event") or d.get("msg") or "")
m = lambda ls, *ws: sum(any(w in msg(d) for w in ws) for d in ls)
is_ = lambda ls, *ws: sum(msg(d) in ws for d in ls)
# whose jobs a line names
job_of = {i[4:]: t["key"] for t in T for i in t["ids"] if i.startswith("job:")}
own = {(f, n): t for t in T for f, ns in t["lines"].items() for n in ns}
named = collections.Counter()
for f in FILES:
    for n, l in enumerate(L[f], 1):
        ks, o = {job_of[x] for x in re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", l) if x in job_of}, own.get((f, n))
        if not o and ks: named[("nobody's", f, len(ks))] += 1
        if o and ks - {o["key"]}:
            named[("other's", f, o["scenario"])] += 1
            if o["scenario"] != "poll": print("OTHER'S JOB", f, n, o["scenario"], l[:200])
print("lines naming jobs of", dict(named))
task = lambda *outs: c(lambda o: o["kind"] == "task" and (not outs or o["outcome"] in outs))
print("runs", task(), "-skipped", task() - task("skipped"), "started", is_(W, "job started"), "Processing", m(W, "Processing Job"))
print("  ok", task("ok"), is_(W, "job done"), "| retry", task("retry"), m(W, "will run again"), "| skipped", task("skipped"), m(W, "already done"), "| dead", task("error"), m(W, "failed for good"), "| crashed", task("crashed"), "Sweeping lines", m(W, "Sweeping job"))
print("published", c(lambda o: o["kind"] == "queue_wait" and o["name"] != "redelivery"), is_(A, "job enqueued") + is_(W, "adjuster job enqueued"), "redelivered", c(lambda o: o["name"] == "redelivery"))
mc = lambda pre, *outs: c(lambda o: o["kind"] == "model_call" and o["id"].startswith(pre) and (not outs or o["outcome"] in outs))
print("model calls api", mc("api"), "=", "ok", mc("api", "ok"), is_(A, "model call ok", "model stream finished"), "failed", mc("api", "server_error", "rate_limited", "rejected"), is_(A, "model attempt failed"), "timeout", mc("api", "timeout"), is_(A, "model attempt timed out"), "cancelled", mc("api", "cancelled"), is_(A, "model attempt abandoned", "model stream abandoned"), "broken", mc("api", "broken"), is_(A, "model stream broke off"))
print("model calls worker", mc("worker"), "begun", is_(W, "llm request"), "=", "ok", mc("worker", "ok"), is_(W, "llm response"), "failed", mc("worker", "server_error", "rate_limited", "rejected"), m(W, "llm request failed"), "timeout", mc("worker", "timeout"), is_(W, "llm request timed out"), "crashed", mc("worker", "crashed"))
for n, ls in (("api", A), ("worker", W)): print("  retries", n, c(lambda o: o["kind"] == "retry_wait" and o["name"].startswith("backoff") and o["id"].startswith(n)), is_(ls, "retrying model call") + m(ls, "before try"))
print("fallbacks", sum(len(t["fallbacks"]) for t in T), "lines", is_(A + W, "falling back to other model", "switching model"), "| tools", c(lambda o: o["kind"] == "tool"), is_(W, "tool call"), is_(W, "tool result"))
print("semantic", sum(t["retry_class"] == "semantic" for t in T), "asked again", sum(d.get("asking_again") is True for d in A) + m(W, "asking again"))
QUIET = ("answers", "notifications")
print("writes", c(lambda o: o["kind"] == "db_write"), "quiet", c(lambda o: o["kind"] == "db_write" and o["name"] in QUIET), "crashed", c(lambda o: o["kind"] == "db_write" and o["outcome"] == "crashed"), "lines", is_(A, "db write") + sum(d.get("logger") == "claims.db" for d in W))
print("  by table", dict(collections.Counter(o["name"] for t, o in ops if o["kind"] == "db_write")))


def tell(t, f, l, near):
    if msg(l) == "request finished": near("app", "app", l["duration_ms"])
    if msg(l) in ("stream finished", "client closed the stream"): near("app stream", "app", l["duration_ms"])
    if msg(l) == "db write": near("api db_write", "db_write", l["duration_ms"])
    if l.get("logger") == "claims.db": near("worker db_write", "db_write", l["query_ms"])
    if msg(l).startswith(("model call ok", "model attempt", "model stream")): near("api model_call", "model_call", l["duration_ms"])
    if msg(l).startswith("llm re") and "took_ms" in l: near("worker model_call", "model_call", l["took_ms"])
    if msg(l) == "retrying model call": near("api wait", "retry_wait", l["wait_s"] * 1e3)
    if "before try" in msg(l): near("worker wait", "retry_wait", l["wait_ms"])
    if msg(l).startswith("job ") and "took_ms" in l: near("task", "task", l["took_ms"])
    if "waited_ms" in l: near("queue_wait", "queue_wait", l["waited_ms"])
    if msg(l) == "tool result": near("tool", "tool", l["took_ms"])
    if msg(l) == "request completed": near("parking app", "app", l["responseTime"])
    if msg(l) == "handled request" and not t["aborted"]: near("edge", "edge", l["duration"] / 1e6)


def instant(l):
    x = l.get("time") or l.get("timestamp") or l["asctime"].replace(",", ".") + "+00:00"
    return dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", x).replace("Z", "+00:00")).timestamp()


JOBS = ("task", "queue_wait", "retry_wait")
stretches(T, L, J, tell, instant, {"edge.log": ("edge",), "api.log": ("app",), "parking.log": ("app",), "worker-1.log": JOBS, "worker-2.log": JOBS})
for t in T:
    nested(t)
    if t["scenario"] != "poll" and not t["noise"]:
        want = {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "401": "rejected", "404": "rejected", "422": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if t["scenario"] == "clm_adj_down": want = "ok"
        if t["scenario"] == "park_read": want = t["outcome"] if t["outcome"] in ("ok", "rejected") else "ok"
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])

# ---- operations that no line of our own tells of, request by request
untold, total = collections.Counter(), collections.Counter()
for t in T:
    if t["noise"]: continue
    ls = [J[f][n - 1] for f, ns in t["lines"].items() for n in ns]
    e, x = is_(ls, "handled request"), lambda *ws: sum(msg(d).startswith(ws) for d in ls)
    k = collections.Counter(o["kind"] for o in t["ops"])
    total.update(k)
    backoff = sum(o["kind"] == "retry_wait" and o["name"].startswith("backoff") for o in t["ops"])
    told = {"edge": e, "app": x("request started", "request completed"), "task": x("job started", "job already done"), "queue_wait": x("job enqueued", "adjuster job enqueued") + x("Sweeping job"),
            "model_call": x("model call ok", "model stream", "model attempt", "llm request") - x("llm request failed", "llm request timed out"), "retry_wait": x("retrying model call", "waiting ") + x("job failed, will"), "tool": x("tool call"),
            "db_write": x("db write") + sum(d.get("logger") == "claims.db" for d in ls)}
    for kind, n in k.items():
        if n > told[kind]: untold[kind + (" (" + ", ".join(sorted({o["name"] for o in t["ops"] if o["kind"] == "db_write" and (o["name"] in QUIET or o["outcome"] == "crashed")})) + ")" if kind == "db_write" else " " + t["scenario"])] += n - told[kind]
        if n < told[kind]: print("more lines than operations", t["scenario"], kind, n, told[kind])
print("untold:", dict(untold), "of", sum(total.values()), "operations:", round(100 * sum(untold.values()) / sum(total.values()), 1), "%")
