"""Turns the truth itself into an answer, to see that a scorer accepts it: selfcheck.py OUT PRED"""
import collections, gzip, json, sys

truth = [json.loads(x) for x in gzip.open(sys.argv[1] + "/truth/truth.jsonl.gz")]
STATE = {"error": "failed"}
with open(sys.argv[2], "w") as f:
    for t in truth:
        edge = t["ops"][0]
        f.write(json.dumps({
            "request_id": t["request_id"], "ids": [{"kind": i.split(":")[0], "value": i.split(":", 1)[1]} for i in t["ids"]],
            "lines": [f"{k}:{n}" for k, v in t["lines"].items() for n in v], "spans": [{**o, "evidence": "stated"} for o in t["ops"]],
            "state": STATE.get(t["outcome"], t["outcome"]), "response_ns": edge["end"] - edge["start"], "completion_ns": t["end"] - t["start"],
            "completion": {"by_kind_ns": {k: v * 1e6 for k, v in t["breakdown_ms"]["exclusive"].items()}},
            "models": t["models"], "prompt_versions": t["prompt_versions"],
            "verdict": {"retries": t["retry_count"], "retry_class": t["retry_class"], "serving": "fallback" if t["fallback"] else "primary", "degraded": t["degraded"],
                        "dead_lettered": t["dead_lettered"], "duplicate_delivery": t["duplicate_delivery"]}}) + "\n")
