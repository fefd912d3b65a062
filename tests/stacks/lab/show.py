"""Shows requests of a scenario: their operations and their lines."""
import gzip, json, sys
n = int(sys.argv[2]) if len(sys.argv) > 2 else 1
for t in map(json.loads, gzip.open("truth/truth.jsonl.gz")):
    if t["scenario"] == sys.argv[1] and n > 0:
        n -= 1
        print("=====", t["scenario"], t["request_id"], t["outcome"], t["edge_status"], "retries", t["model_retries"], t["task_retries"], t["retry_class"], "fb", t["fallbacks"], "dead", t["dead_lettered"], "dup", t["duplicate_delivery"], t["models"], t["prompt_versions"], t["linkability"])
        print(t["ids"], t["ids_unlogged"])
        for o in t["ops"]: print(f"  {(o['start'] - t['start']) / 1e6:9.1f} {(o['end'] - t['start']) / 1e6:9.1f} {o['kind']:10} {o['name'][:34]:34} {o['outcome']:12} {o['id']} <- {o['parent']} {o['attrs']} {o['ids']}")
        for f, ns in t["lines"].items():
            L = open("logs/" + f).read().split("\n")
            for k in ns: print("   ", f, k, L[k - 1][:int(sys.argv[3]) if len(sys.argv) > 3 else 420])
