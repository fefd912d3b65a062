"""Stand-ins without logs: A speaks OpenAI (9621), B Anthropic (9622), W is the customs office (9623)."""
import asyncio
import json
import random

from .protocol import serve

CODES = "8471.30 6109.10 9403.60 8517.13 4202.22 3304.99".split()


def content(system, step):
    if step == "shape":
        return json.dumps({"category": 3, "answer": None})
    if system.startswith("Classify"):
        return json.dumps({"category": random.choice(["electronics", "textiles", "furniture"]), "risk": random.choice(["low", "high"]), "lines": [{"hs_code": k, "duty": random.randint(0, 12)} for k in random.sample(CODES, random.randint(1, 4))]})
    if system.startswith("You screen"):
        return "Nothing speaks against the export."
    return json.dumps({"answer": "No licence is needed.", "confidence": round(random.random(), 2)})


def tool_calls(body, step, turn):
    names = [t.get("name") or t.get("function", {}).get("name") for t in body.get("tools") or []]
    if "tariff_lookup" in names and turn < 3 and random.random() < (.92, .45, .1)[turn]:
        return [random.choice([("sanctions_lookup", {"party": f"C-{random.randint(1, 9)}"}), ("tariff_lookup", {"hs": random.choice(CODES)})]) for _ in range(random.randint(1, 2))]
    return None


asyncio.run(serve({"A": 9621, "B": 9622, "W": 9623}, content, tool_calls))
