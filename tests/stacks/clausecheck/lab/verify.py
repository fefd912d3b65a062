"""Truth against what the logs say by themselves: owners by id, counts, durations, times."""
import datetime as dt, json, re
from .checked import nested, owners, stretches
T, L, J, ops = owners(("edge-access.log", "api.log", "enrich-1.log", "enrich-2.log", "jobs.log", "feedback.log"))
c = lambda f: sum(1 for t, o in ops if f(o))
E = J["enrich-1.log"] + J["enrich-2.log"]
msg = lambda d: d.get("message") or d.get("msg") or ""
nats, proc = ("extract", "review"), ("index_contract", "send_digest")
task = lambda names, *outs: c(lambda o: o["kind"] == "task" and o["name"] in names and o["outcome"] in outs)
m = lambda ls, *ws: sum(any(w in msg(d) for w in ws) for d in ls)
print("NATS runs", c(lambda o: o["kind"] == "task" and o["name"] in nats), "Received", m(E, "Received"), "Processed", m(E, "Processed"), "+ crashed", task(nats, "crashed"))
print("  ok", task(nats, "ok"), m(E, "extract finished", "review finished"), "| retry", task(nats, "retry"), m(E, "next attempt in"), "| skipped", task(nats, "skipped"), m(E, "done already"), "| dead", task(nats, "error"), m(E, "failed for good"))
P = [d for d in J["jobs.log"] if "prune" not in json.dumps(d)]
print("Procrastinate runs", c(lambda o: o["kind"] == "task" and o["name"] in proc), "started", m(P, "Starting job"), "| ok", task(proc, "ok"), m(P, "status: Success"), "| retry", task(proc, "retry"), m(P, "to retry"), "| dead", task(proc, "error"), m([d for d in P if d.get("action") == "job_error"], ""), "| published", c(lambda o: o["kind"] == "queue_wait" and o["name"] in proc), m(E, "Deferred 1 job"))
mc = lambda pre, *outs: c(lambda o: o["kind"] == "model_call" and o["id"].startswith(pre) and (not outs or o["outcome"] in outs))
print("model calls app", mc("api"), "answered", m(J["api.log"], '"openai" answered', '"anthropic" answered'), "call failed", m(J["api.log"], "call failed"), "cancelled before an answer", c(lambda o: o["kind"] == "model_call" and o["id"].startswith("api") and o["outcome"] == "cancelled" and o["attrs"]["status"] is None))
print("model calls enrich", mc("enrich"), "HTTP lines", m(E, "HTTP Request: POST"), "+ timeout", mc("enrich", "timeout"), "+ crashed", mc("enrich", "crashed"), "| jobs", mc("jobs"), sum("9221/v1/embeddings" in msg(d) for d in P))
sdk = lambda pre: c(lambda o: o["kind"] == "retry_wait" and o["name"].startswith("backoff") and o["id"].startswith(pre))
print("SDK retries enrich", sdk("enrich"), m(E, "Retrying request"), "jobs", sdk("jobs"), m(P, "Retrying request"), "app", sdk("api"))
print("fallbacks", sum(len(t["fallbacks"]) for t in T), "app lines", m(J["api.log"], "falling back to"), "extract lines", m(E, ", trying claude"), "| tools", c(lambda o: o["kind"] == "tool"), m(E, "tool lookup", "tool list"), "| app writes", c(lambda o: o["kind"] == "db_write" and o["id"].startswith("api")), m(J["api.log"], "written in"))
print("schema: asked again", sum(t["retry_class"] == "semantic" for t in T), "lines app", m(J["api.log"], "asking again"), "extract", m(E, "does not validate"))


def tell(t, f, l, near):
    p = l.get("properties", {})
    if f == "api.log" and msg(l).startswith("<--"): near("app", "app", p["durationMs"])
    if "written in" in msg(l): near("app db_write", "db_write", p["durationMs"])
    if " answered " in msg(l) and p.get("status", 0) >= 400: near("app model_call", "model_call", p["durationMs"])
    if "lasted" in msg(l): near("jobs task", "task", float(re.search(r"lasted ([\d.]+) s", msg(l))[1]) * 1e3)
    if "finished" in msg(l) and f[0:6] == "enrich" and "job" in l: near("enrich task", "task", l["event"]["duration"] / 1e6)
    if msg(l).startswith("tool "): near("tool", "tool", l["event"]["duration"] / 1e6)
    if f.startswith("edge") and not t["aborted"]: near("edge", "edge", l["duration_us"] / 1e3)


def instant(l):
    if "record" in l: return l["record"]["time"]["timestamp"]
    return dt.datetime.fromisoformat((l.get("ts") or l.get("@timestamp") or l["time"]).replace("Z", "+00:00")).timestamp()


stretches(T, L, J, tell, instant, {"edge-access.log": ("edge",), "api.log": ("app",), "feedback.log": ("app",)})
for t in T:
    nested(t)
    if t["scenario"] != "poll" and not t["noise"]:
        want = {"leave": "client_disconnect", "dead": "dead_letter", "filter": "dead_letter", "400": "rejected", "404": "rejected", "422": "rejected", "path": "rejected", "bad": "error", "down": "error", "break": "error", "bug": "error", "timeout": "timeout"}.get(t["scenario"].split("_")[-1], "ok")
        if t["scenario"] == "con_mail_down": want = "ok"
        if want != t["outcome"]: print("outcome", t["scenario"], t["outcome"], t["edge_status"])
