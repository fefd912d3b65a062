"""Joins the side channel and the logs into truth/. Fails if a line has no owner entry or two, an operation no end, a parent is missing, times do not add up."""
import json, re
from .joined import Written, documents, finish, model_calls, stores_and_tools
from .product import Edge, jobs, visits
from .record import ended_by, ev
LOGS, OUT = "logs", "truth"


def visit(rid, h):
    return rid, float(h["latency"][:-1]) * 1e3, h["status"], "/" + h["requestUrl"].split("/", 3)[3]


TAPPED = ["api.log", "worker-a.log", "worker-b.log", "toolshed.log"]
assert not ev["conflict"], ev["conflict"][0]
ended_by("model_end", "db_end", "task_end", "app_end", "tool_end")
edge = Edge(LOGS + "/lb.log", lambda d: "httpRequest" in d and visit(d["requestId"], d["httpRequest"]))
visits(edge, "note_break")
stores_and_tools()
model_calls()
pub, overlapped = jobs({"done": "done", "skipped": "skipped", "retry": "retry", "dead": "error"}, "BadAnswer")
W = Written(LOGS, [edge.file] + TAPPED, TAPPED)
edge.give_lines(W, lambda d: d.get("requestId"))
W.to_requests()


def numbers(f, t):
    """The numbers of jobs that a line holds, as its fields or its text say it."""
    d = json.loads(t)
    d = {**d, **d["record"]["extra"]} if f == "api.log" else d
    n = {"job:%s" % d[k] for k in ("job_id", "jobId", "nextJobId") if k in d}
    return n | {"job:" + x for x in re.findall(r"^lease of job (\d+) ran out", str(d.get("message")))}


truth, linked = documents(W, numbers, lambda i: i.startswith("job:"), r'/api/shipments/(\d+)', r'"prompt(?:Version)?": ?"([^"]+)"')
finish("tarifio", OUT, W, truth, linked, edge.diffs, duplicates_worked_twice=overlapped, left_edge_status={str(k): v for k, v in edge.left.items()})
