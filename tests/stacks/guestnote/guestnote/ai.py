"""LangChain: classification with a schema, and an agent with two tools."""
import asyncio
import json
import logging
import random
import time

from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain.tools import ToolRuntime, tool
from langchain_anthropic import ChatAnthropic
from langchain_core.exceptions import OutputParserException
from langchain_core.output_parsers import PydanticOutputParser
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from . import db

log = logging.getLogger("guestnote.ai")


class Classification(BaseModel):
    sentiment: str
    urgency: str
    topics: list[str]


primary = ChatOpenAI(model="gpt-4.1-mini", timeout=5, max_retries=2)
reserve = ChatAnthropic(model="claude-haiku-4-5", timeout=5, max_retries=1)
chat = primary.with_fallbacks([reserve])
parser = PydanticOutputParser(pydantic_object=Classification)


def spent(m, t):
    u = m.usage_metadata or {}
    return {"model": m.response_metadata.get("model_name"), "completion_id": m.response_metadata.get("id") or m.id, "input_tokens": u.get("input_tokens"), "output_tokens": u.get("output_tokens"), "duration_ms": round((time.perf_counter() - t) * 1000, 1)}


async def classify(text):
    for second in (False, True):
        t = time.perf_counter()
        m = await chat.ainvoke([("system", "Classify the guest review. JSON: sentiment, urgency, topics"), ("human", text)])
        log.info("llm call finished", extra={**spent(m, t), "prompt_version": "classify-v12"})
        try:
            return parser.parse(m.content)
        except OutputParserException:
            if second:
                raise
            log.warning("answer does not match Classification, asking again")


@tool
async def find_reviews(topic: str, runtime: ToolRuntime) -> str:
    """Reviews about a topic."""
    return await looked_up("find_reviews", runtime)


@tool
async def rating_trend(months: int, runtime: ToolRuntime) -> str:
    """Average rating by month."""
    return await looked_up("rating_trend", runtime)


async def looked_up(name, runtime):
    t = time.perf_counter()
    await db.one("select count(*) as n from reviews where rating < 4 and pg_sleep(:s) is not null", s=0)
    await asyncio.sleep(random.uniform(.02, .25))
    log.info("tool %s done", name, extra={"tool_call_id": runtime.tool_call_id, "duration_ms": round((time.perf_counter() - t) * 1000, 1)})
    return json.dumps({"n": 3})


agent = create_agent(model=primary, tools=[find_reviews, rating_trend], system_prompt="You write insights for a hotel.", middleware=[ModelFallbackMiddleware(reserve)])


async def insights(prop):
    t = time.perf_counter()
    out = await agent.ainvoke({"messages": [("human", f"Insights for {prop}")]})
    turns = [m for m in out["messages"] if m.type == "ai"]
    for m in turns:
        log.info("agent turn", extra={k: v for k, v in spent(m, t).items() if k != "duration_ms"})
    log.info("agent finished", extra={"turns": len(turns), "tool_calls": sum(len(m.tool_calls) for m in turns), "prompt_version": "insights-v3", "duration_ms": round((time.perf_counter() - t) * 1000, 1)})
    return turns[-1].text
