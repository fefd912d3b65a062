"""Truth against what the logs say by themselves: owners by id, counts, durations, times."""
import datetime as dt
from .checked import nested, owners, stretches
T, L, J, ops = owners(("edge-access.log", "api.log", "worker-1.log", "worker-2.log", "board.log"))
c = lambda f: sum(1 for t, o in ops if f(o))
W = J["worker-1.log"] + J["worker-2.log"]
msg = lambda d: str(d.get("message") or d.get("msg") or d.get("data") or "")
m = lambda ls, *ws: sum(any(w in msg(d) for w in ws) for d in ls)
task = lambda *outs: c(lambda o: o["kind"] == "task" and (not outs or o["outcome"] in outs))
print("runs", task(), "-skipped", task() - task("skipped"), "started", m(W, "job started"), "Executing", m(W, "Executing task"))
print("  ok", task("ok"), m(W, "job finished"), "| retry", task("retry"), m(W, "next attempt in"), "| skipped", task("skipped"), m(W, "done already"), "| dead", task("error"), m(W, "failed for good"), "| crashed", task("crashed"))
print("published", c(lambda o: o["kind"] == "queue_wait" and o["name"] != "redelivery"), m(J["api.log"], "job queued") + m(W, "follow-up queued"))
mc = lambda pre, *outs: c(lambda o: o["kind"] == "model_call" and o["id"].startswith(pre) and (not outs or o["outcome"] in outs))
H = lambda ls: sum("HTTP Request: POST" in msg(d) and "/alerts" not in msg(d) for d in ls)
print("model calls app", mc("api"), "HTTP lines", H(J["api.log"]), "+ timeout", mc("api", "timeout"), "cancelled", mc("api", "cancelled"), "| own lines", m(J["api.log"], "model call ok", "model call failed", "model call timed out", "model stream"))
print("model calls worker", mc("worker"), "HTTP lines", H(W), "+ timeout", mc("worker", "timeout"), "+ crashed", mc("worker", "crashed"), "| ok", mc("worker", "ok"), m(W, "llm call finished", "agent turn"))
sdk = lambda pre: c(lambda o: o["kind"] == "retry_wait" and o["name"].startswith("backoff") and o["id"].startswith(pre))
print("retries worker", sdk("worker"), m(W, "Retrying request"), "app", sdk("api"), m(J["api.log"], ", retrying in"))
print("fallbacks app", sum(len(t["fallbacks"]) for t in T if t["scenario"][:3] in ("sug", "str")), "app lines", m(J["api.log"], "falling back to"), "workers", sum(len(t["fallbacks"]) for t in T if t["scenario"][:3] not in ("sug", "str")), "| tools", c(lambda o: o["kind"] == "tool"), sum(msg(d).startswith("tool ") for d in W), "| writes", c(lambda o: o["kind"] == "db_write"), sum(d.get("logger") == "guestnote.db" for d in W + J["api.log"]))
print("schema: asked again", sum(t["retry_class"] == "semantic" for t in T), "lines app", m(J["api.log"], "asking again"), "worker", m(W, "asking again"))


def tell(t, f, l, near):
    if msg(l) == "request finished": near("app", "app", l["duration_ms"])
    if l.get("logger") == "guestnote.db": near("db_write", "db_write", l["duration_ms"])
    if msg(l).startswith(("model call", "model stream")): near("app model_call", "model_call", l["duration_ms"])
    if msg(l) == "job finished": near("task", "task", l["duration_ms"])
    if msg(l).startswith("tool "): near("tool", "tool", l["duration_ms"])
    if f == "board.log" and "ms" in l: near("board app", "app", l["ms"])
    if f.startswith("edge") and not t["aborted"]: near("edge", "edge", l["duration_us"] / 1e3)


def instant(l):
    return l["ts"] if "ts" in l else dt.datetime.fromisoformat((l.get("time") or l.get("startTime")).replace("/000Z", ".999Z").replace("Z", "+00:00")).timestamp()


stretches(T, L, J, tell, instant, {"edge-access.log": ("edge",), "api.log": ("app",), "board.log": ("app",)})
for t in T:
    nested(t)
    if t["scenario"] != "poll" and not t["noise"]:
        want = {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "401": "rejected", "404": "rejected", "422": "rejected", "read": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if t["scenario"] in ("rev_alert_down", "read"): want = "ok"
        if t["scenario"] == "notes_read": want = t["outcome"] if t["outcome"] in ("ok", "rejected") else "ok"
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])
