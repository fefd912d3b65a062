"""Stand-ins without logs: A speaks OpenAI (9421), B Anthropic (9422), W is the customer's webhook (9423)."""
import asyncio
import json
import random

from .protocol import serve

KINDS = "liability term payment notice secrecy law".split()


def content(system, step):
    if step == "shape":
        return json.dumps({"clauses": "none", "answer": 4})
    if system.startswith("Extract"):
        return json.dumps({"clauses": [{"kind": k, "risk": random.choice(["low", "high"])} for k in random.sample(KINDS, random.randint(1, 3))]})
    if system.startswith("You review"):
        return "Sign after the notice clause is mended."
    return json.dumps({"answer": "Thirty days.", "clause": random.choice(KINDS)})


def tool_calls(body, step, turn):
    names = [t.get("name") or t.get("function", {}).get("name") for t in body.get("tools") or []]
    if "find_clause" in names and turn < 3 and random.random() < (.9, .4, .1)[turn]:
        return [random.choice([("find_clause", {"kind": random.choice(KINDS)}), ("compare_template", {"template": "nda"})]) for _ in range(random.randint(1, 2))]
    return None


asyncio.run(serve({"A": 9421, "B": 9422, "W": 9423}, content, tool_calls))
