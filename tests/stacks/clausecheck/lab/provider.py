"""Stand-ins without logs: A speaks OpenAI (9221), B Anthropic (9222), W is the mailer (9223)."""
import asyncio
import json
import random

from .protocol import serve

TOPICS = "liability term payment ip confidentiality warranty".split()


def content(system, step):
    if step == "shape":
        return json.dumps({"obligations": "several", "answer": 3, "verdict": None})
    if system.startswith("Extract"):
        return json.dumps({"obligations": [{"party": "Acme", "duty": f"pay {i}", "due": None} for i in range(random.randint(2, 6))], "governing_law": "NL"})
    if system.startswith("Review"):
        return json.dumps({"verdict": "acceptable", "findings": ["f"] * random.randint(0, 4)})
    return json.dumps({"answer": "yes", "clauses": ["7.2"], "confidence": random.choice(["low", "medium", "high"])})


def tool_calls(body, step, turn):
    names = [t.get("name") or t.get("function", {}).get("name") for t in body.get("tools") or []]
    if "json" in names:
        return [("json", json.loads(content("You answer", step)))]
    if "lookup_clause" not in names:
        return None
    if turn < 3 and random.random() < (.9, .35, .1)[turn] and step != "shape":
        return [random.choice([("lookup_clause", {"topic": random.choice(TOPICS)}), ("list_obligations", {"party": "Acme"})]) for _ in range(random.randint(1, 2))]
    if "final_result" not in names:                          # the answer itself is the structure
        return None
    return [("final_result", {"verdict": 7} if step == "shape" else {"verdict": "acceptable", "findings": ["f"] * random.randint(0, 4)})]


asyncio.run(serve({"A": 9221, "B": 9222, "W": 9223}, content, tool_calls))
