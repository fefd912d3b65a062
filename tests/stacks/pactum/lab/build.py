"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, an operation no end, a parent is missing, times do not add up."""
import json, re
from .joined import Written, documents, finish, model_calls, stores_and_tools
from .product import Edge, jobs, visits
from .record import ended_by, ev
LOGS, OUT = "logs", "truth"
TAPPED = ["api.log", "worker-a.log", "worker-b.log", "lunch.log"]
assert not ev["conflict"], ev["conflict"][0]
ended_by("model_end", "db_end", "task_end", "app_end", "tool_end")
edge = Edge(LOGS + "/nginx-access.log", lambda d: (d["req_id"], d["rt"] * 1e3, d["status"], d["uri"]))
visits(edge, "sum_break")
stores_and_tools()
model_calls()
pub, overlapped = jobs({"succeeded": "done", "retrying": "retry", "failed": "error"}, "BadAnswer")
for e in ev["line"]:
    if e.get("job"): e["key"] = pub[e["job"]]["key"]          # "job stalled" is written by whoever finds out
W = Written(LOGS, [edge.file] + TAPPED, TAPPED)
edge.give_lines(W)
W.to_requests()


def numbers(f, t):
    """The numbers of jobs that a line holds, as its fields or its text say it."""
    d = json.loads(t)
    n = {"job:%s" % d[k] for k in ("job", "nextJob", "jobId") if k in d}
    return n | {"job:" + x for x in re.findall(r"^job (\d+) will be", str(d.get("msg")))}


short = lambda i: i.startswith("job:")
truth, linked = documents(W, numbers, short, r'(?:/v1/contracts/|"contractId":)(\d+)', r'"promptVersion":"([^"]+)')
finish("pactum", OUT, W, truth, linked, edge.diffs, duplicates_worked_twice=overlapped, left_edge_status={str(k): v for k, v in edge.left.items()})
