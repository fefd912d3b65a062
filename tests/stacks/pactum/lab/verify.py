"""Truth against what the logs say by themselves: owners by id, counts, durations, times."""
import collections
import datetime as dt
from .checked import nested, owners, stretches
FILES = ("nginx-access.log", "api.log", "worker-a.log", "worker-b.log", "lunch.log")
T, L, J, ops = owners(FILES)
c = lambda f: sum(1 for t, o in ops if f(o))
A, W = J["api.log"], J["worker-a.log"] + J["worker-b.log"]
msg = lambda d: str(d.get("msg") or d.get("event") or "")
m = lambda ls, *ws: sum(any(w in msg(d) for w in ws) for d in ls)
is_ = lambda ls, *ws: sum(msg(d) in ws for d in ls)
task = lambda *outs: c(lambda o: o["kind"] == "task" and (not outs or o["outcome"] in outs))
print("runs", task(), "-skipped", task() - task("skipped"), "started", is_(W, "job started"))
print("  ok", task("ok"), is_(W, "job done"), "| retry", task("retry"), is_(W, "job failed"), m(W, "will be retried"), "| skipped", task("skipped"), m(W, "done already"), "| dead", task("error"), m(W, "failed for good"), "| crashed", task("crashed"), "stalled lines", m(W, "job stalled"))
print("published", c(lambda o: o["kind"] == "queue_wait" and o["name"] != "redelivery"), is_(A, "job queued") + is_(W, "notify job queued"), "redelivered", c(lambda o: o["name"] == "redelivery"))
mc = lambda pre, *outs: c(lambda o: o["kind"] == "model_call" and o["id"].startswith(pre) and (not outs or o["outcome"] in outs))
for n, ls in (("api", A), ("worker", W)):
    print("model calls", n, mc(n), "SDK lines", m(ls, "post http"), "+ timed out", m(ls, "connection timed out"), "of", mc(n, "timeout"), "+ cancelled", mc(n, "cancelled"), "crashed", mc(n, "crashed"), "broken", mc(n, "broken"), "| ok", mc(n, "ok"), is_(ls, "model call finished", "model stream finished"), "| calling", is_(ls, "calling model"), "failed", is_(ls, "model call failed"))
    print("  retries", c(lambda o: o["kind"] == "retry_wait" and o["name"].startswith("backoff") and o["id"].startswith(n)), m(ls, "- retrying,"), "| asked again", m(ls, "asking again"))
print("fallbacks", sum(len(t["fallbacks"]) for t in T), "lines", is_(A + W, "using fallback model"), "| tools", c(lambda o: o["kind"] == "tool"), is_(W, "tool finished"))
print("semantic", sum(t["retry_class"] == "semantic" for t in T))
print("writes", dict(collections.Counter(o["id"][:3] + " " + o["name"] + " " + o["outcome"] for t, o in ops if o["kind"] == "db_write")))
print("  told by: contract saved", is_(A, "contract saved"), "answer saved", is_(A, "answer saved"), "contract updated", is_(A, "contract updated"), "clauses saved", is_(W, "clauses saved"), "review saved", is_(W, "review saved"))


def tell(t, f, l, near):
    if msg(l) == "request completed": near("app", "app", l["responseTime"])
    if msg(l) in ("model call finished", "model stream finished"): near(f[:3] + " model_call", "model_call", l["durationMs"])
    if msg(l) == "contract saved": near("db_write", "db_write", l["durationMs"])
    if msg(l) in ("job done", "job failed", "job failed for good"): near("task", "task", l["durationMs"])
    if msg(l) == "tool finished": near("tool", "tool", l["durationMs"])
    if msg(l) == "http_request": near("lunch app", "app", l["elapsed"] * 1e3)
    if f.startswith("nginx") and not t["aborted"]: near("edge", "edge", l["rt"] * 1e3)


def instant(l):
    if "msec" in l: return l["msec"]
    x = l.get("time") or l["timestamp"]
    return x / 1e3 if isinstance(x, int) else dt.datetime.fromisoformat(x.replace("Z", "+00:00")).timestamp()


stretches(T, L, J, tell, instant, {"nginx-access.log": ("edge",), "api.log": ("app",), "lunch.log": ("app",)})
for t in T:
    nested(t)
    if t["scenario"] != "poll" and not t["noise"]:
        want = {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "401": "rejected", "404": "rejected", "422": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if t["scenario"] == "con_notify_down": want = "ok"
        if t["scenario"] == "lunch_read": want = t["outcome"] if t["outcome"] in ("ok", "rejected") else "ok"
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])

# ---- operations that no line tells of: edge, app, tasks and calls by the lines that only they write; writes by the line of their own or of their batch
told = collections.Counter()
files = {f: J[f] for f in FILES}
for t in T:
    if t["noise"]: continue
    ls = [files[f][n - 1] for f, ns in t["lines"].items() for n in ns]
    k = collections.Counter(o["kind"] + " " + o["outcome"] for o in t["ops"])
    n = lambda *ws: sum(any(w in msg(d) for w in ws) for d in ls)
    have = {"edge": len(t["lines"].get("nginx-access.log", [])), "app": n("incoming request", "http_request"), "task": n("job started", "done already"), "tool": n("running tool")}
    for kind, got in have.items():
        all_ = sum(v for x, v in k.items() if x.startswith(kind + " "))
        if all_ > got: told[kind] += all_ - got
    calls = [o for o in t["ops"] if o["kind"] == "model_call"]
    lines = n("] post http") + n("connection timed out")
    if len(calls) > lines: told["model_call attempt without SDK line (" + ", ".join(sorted({o["outcome"] for o in calls if o["outcome"] in ("cancelled", "crashed")})) + ")"] += len(calls) - lines
    for o in t["ops"]:
        if o["kind"] == "db_write" and o["name"] in ("job_runs", "notifications", "dead_jobs", "summaries"): told["db_write " + o["name"]] += 1
print("no line of its own:", dict(told))
