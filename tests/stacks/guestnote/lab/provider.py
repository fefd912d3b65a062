"""Stand-ins without logs: A speaks OpenAI (9321), B Anthropic (9322), W is the mailer (9323)."""
import asyncio
import json
import random

from .protocol import serve

TOPICS = "breakfast noise staff parking bed wifi".split()


def content(system, step):
    if step == "shape":
        return json.dumps({"sentiment": 3, "reply": None})
    if system.startswith("Classify"):
        return json.dumps({"sentiment": random.choice(["good", "bad"]), "urgency": "low", "topics": random.sample(TOPICS, random.randint(1, 4))})
    return json.dumps({"reply": "Dear guest", "tone": random.choice(["warm", "formal"])})


def tool_calls(body, step, turn):
    names = [t.get("name") or t.get("function", {}).get("name") for t in body.get("tools") or []]
    if "find_reviews" in names and turn < 3 and random.random() < (.9, .4, .1)[turn]:
        return [random.choice([("find_reviews", {"topic": random.choice(TOPICS)}), ("rating_trend", {"months": 6})]) for _ in range(random.randint(1, 2))]
    return None


asyncio.run(serve({"A": 9321, "B": 9322, "W": 9323}, content, tool_calls))
