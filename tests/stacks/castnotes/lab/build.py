"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, an operation no end, a parent is missing, times do not add up."""
from .joined import Written, documents, finish, model_calls, stores_and_tools
from .product import Edge, jobs, visits
from .record import ended_by, ev
LOGS, OUT = "logs", "truth"
TAPPED = ["api.log", "worker-1.log", "worker-2.log", "studio.log"]
assert not ev["conflict"], ev["conflict"][0]
ended_by("model_end", "db_end", "task_end", "app_end", "tool_end")
edge = Edge(LOGS + "/gateway.log", lambda d: "responseTime" in d and (d["req"]["id"], d["responseTime"], d["res"]["statusCode"], d["req"]["url"]))
visits(edge, "note_break")
stores_and_tools()
model_calls()
pub, overlapped = jobs({"done": "done", "skipped": "skipped", "retry": "retry", "dead": "error"}, "SchemaMismatch")
W = Written(LOGS, [edge.file] + TAPPED, TAPPED)
edge.give_lines(W, lambda d: d.get("req", {}).get("id"))
W.to_requests()
truth, linked = documents(W, lambda f, t: set(), lambda i: False, r'/v1/episodes/(\d+)', r'"prompt(?:_version)?": ?"([^"]+)"')
finish("castnotes", OUT, W, truth, linked, edge.diffs, duplicates_worked_twice=overlapped, left_edge_status={str(k): v for k, v in edge.left.items()})
