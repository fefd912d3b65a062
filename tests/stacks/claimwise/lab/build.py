"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, an operation no end, a parent is missing, times do not add up."""
from .joined import Written, documents, finish, model_calls, stores_and_tools
from .product import Edge, jobs, visits
from .record import ended_by, ev
LOGS, OUT = "logs", "truth"
TAPPED = ["api.log", "worker-1.log", "worker-2.log", "parking.log"]
assert not ev["conflict"], ev["conflict"][0]
ended_by("model_end", "db_end", "task_end", "app_end", "tool_end")
edge = Edge(LOGS + "/edge.log", lambda d: d["msg"] == "handled request" and (d["requestId"], d["duration"] / 1e6, d["status"], d["uri"]))
visits(edge, "let_break")
stores_and_tools()
model_calls()
pub, overlapped = jobs({"complete": "done", "retrying": "retry", "failed": "error"}, "BadAnswer")
for e in ev["line"]:
    of = {pub[j]["key"] for j in e.get("jobs") or [] if j in pub}
    if not e["key"] and len(of) == 1: e["key"] = of.pop()          # the queue's upkeep is written by whoever does it; a line that names several jobs is nobody's
W = Written(LOGS, [edge.file] + TAPPED, TAPPED)
edge.give_lines(W, lambda d: d.get("requestId"))
W.to_requests()
truth, linked = documents(W, lambda f, t: set(), lambda i: False, r'(?:/v1/claims/|"claim_id": )(\d+)', r'"prompt(?:_version)?": "([^"]+)')
finish("claimwise", OUT, W, truth, linked, edge.diffs, duplicates_worked_twice=overlapped, left_edge_status={str(k): v for k, v in edge.left.items()})
