"""Stand-ins without logs: A speaks OpenAI (9721), B Anthropic (9722), W is the feed host (9723)."""
import asyncio
import json
import random

from .protocol import serve

NAMES = "Intro,Winter on the roof,Queens,Swarms,Honey,Questions".split(",")


def content(system, step):
    if step == "shape":
        return json.dumps({"headline": 3, "minute": 4})
    if system.startswith("Summarize"):
        return json.dumps({"headline": "Bees on the roof", "tone": random.choice(["calm", "funny"]), "chapters": [{"title": k, "minute": random.randint(0, 60)} for k in random.sample(NAMES, random.randint(1, 4))]})
    if system.startswith("You research"):
        return "The guest keeps bees since 2011."
    return json.dumps({"answer": "They do after the break.", "minute": random.randint(0, 60)})


def tool_calls(body, step, turn):
    names = [t.get("name") or t.get("function", {}).get("name") for t in body.get("tools") or []]
    if "guest_bio" in names and turn < 3 and random.random() < (.92, .45, .1)[turn]:
        return [random.choice([("search_archive", {"query": random.choice(NAMES)}), ("guest_bio", {"guest": f"G-{random.randint(1, 9)}"})]) for _ in range(random.randint(1, 2))]
    return None


asyncio.run(serve({"A": 9721, "B": 9722, "W": 9723}, content, tool_calls))
