"""Stand-ins without logs: A speaks OpenAI (9521), B Anthropic (9522), W is the adjuster's system (9523)."""
import asyncio
import json
import random

from .protocol import serve

KINDS = "windscreen bumper door hail theft water".split()


def content(system, step):
    if step == "shape":
        return json.dumps({"category": 3, "answer": None})
    if system.startswith("Triage"):
        return json.dumps({"category": random.choice(["car", "home"]), "severity": random.choice(["low", "high"]), "items": [{"kind": k, "cost": random.randint(50, 4000)} for k in random.sample(KINDS, random.randint(1, 4))]})
    if system.startswith("You investigate"):
        return "Nothing speaks against paying."
    return json.dumps({"answer": "It is covered.", "confidence": round(random.random(), 2)})


def tool_calls(body, step, turn):
    names = [t.get("name") or t.get("function", {}).get("name") for t in body.get("tools") or []]
    if "policy_lookup" in names and turn < 3 and random.random() < (.92, .45, .1)[turn]:
        return [random.choice([("policy_lookup", {"policy": f"P-{random.randint(1, 9)}"}), ("similar_claims", {"category": "car"})]) for _ in range(random.randint(1, 2))]
    return None


asyncio.run(serve({"A": 9521, "B": 9522, "W": 9523}, content, tool_calls))
