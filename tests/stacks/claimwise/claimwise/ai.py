"""Models as the workers use them: triage with a schema, and an agent with two tools."""
import asyncio
import json
import logging
import time

import anthropic
import openai
from pydantic import BaseModel, ValidationError

from . import tools

log = logging.getLogger("claims.ai")
oa = openai.AsyncOpenAI(max_retries=0, timeout=3.0)
an = anthropic.AsyncAnthropic(max_retries=0, timeout=3.0)


class Triage(BaseModel):
    category: str
    severity: str
    items: list[dict]


class BadAnswer(Exception):
    pass


class Declined(Exception):
    """The providers will not answer this, ever."""


def took(t):
    return round((time.monotonic() - t) * 1000)


def for_openai(system, history, spec):
    ms = [{"role": "system", "content": system}]
    for h in history:
        if h[0] == "user": ms.append({"role": "user", "content": h[1]})
        elif h[0] == "calls": ms.append({"role": "assistant", "content": None, "tool_calls": [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}} for i, n, a in h[1]]})
        else: ms += [{"role": "tool", "tool_call_id": i, "content": r} for i, r in h[1]]
    return {"messages": ms, **({"tools": [{"type": "function", "function": {"name": n, "parameters": p}} for n, p in spec.items()]} if spec else {})}


def for_anthropic(system, history, spec):
    ms = []
    for h in history:
        if h[0] == "user": ms.append({"role": "user", "content": h[1]})
        elif h[0] == "calls": ms.append({"role": "assistant", "content": [{"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a in h[1]]})
        else: ms.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": i, "content": r} for i, r in h[1]]})
    return {"system": system, "max_tokens": 1024, "messages": ms, **({"tools": [{"name": n, "input_schema": p} for n, p in spec.items()]} if spec else {})}


async def once(llm, system, history, spec):
    if llm.startswith("gpt"):
        r = await oa.chat.completions.create(model=llm, **for_openai(system, history, spec))
        m = r.choices[0].message
        return m.content, [(c.id, c.function.name, json.loads(c.function.arguments)) for c in m.tool_calls or []], r.id, r.usage.prompt_tokens, r.usage.completion_tokens
    r = await an.messages.create(model=llm, **for_anthropic(system, history, spec))
    return "".join(b.text for b in r.content if b.type == "text"), [(b.id, b.name, b.input) for b in r.content if b.type == "tool_use"], r.id, r.usage.input_tokens, r.usage.output_tokens


async def complete(prompt, system, history, spec=None):
    error = None
    for llm, tries in (("gpt-4.1", 3), ("claude-sonnet-4-5", 2)):
        if error:
            log.warning("switching model", extra={"llm": llm, "instead_of": "gpt-4.1"})
        for n in range(1, tries + 1):
            t, pause = time.monotonic(), .5 * 2 ** (n - 1)
            log.info("llm request", extra={"llm": llm, "try": n, "prompt": prompt})
            try:
                text, calls, cid, tin, tout = await once(llm, system, history, spec)
                log.info("llm response", extra={"llm": llm, "try": n, "completion": cid, "in_tokens": tin, "out_tokens": tout, "tool_calls": len(calls), "took_ms": took(t)})
                return text, calls
            except (openai.APITimeoutError, anthropic.APITimeoutError) as e:
                error = e
                log.warning("llm request timed out", extra={"llm": llm, "try": n, "took_ms": took(t)})
            except (openai.APIStatusError, anthropic.APIStatusError) as e:
                error = e
                log.warning("llm request failed with %d", e.status_code, extra={"llm": llm, "try": n, "http_status": e.status_code, "provider_request": e.request_id, "took_ms": took(t)})
                if e.status_code == 400:
                    break
                pause = float(e.response.headers.get("retry-after", pause))
            if n < tries:
                log.info("waiting %gs before try %d", pause, n + 1, extra={"llm": llm, "wait_ms": int(pause * 1000)})
                await asyncio.sleep(pause)
    raise Declined(str(error)) if getattr(error, "status_code", 0) == 400 else error


async def triage(text):
    for ask in (1, 2):
        out, _ = await complete("triage-v15", "Triage the claim. JSON: category, severity, items", [("user", text)])
        try:
            return Triage.model_validate_json(out)
        except ValidationError as e:
            log.warning("llm output does not match Triage%s", ", asking again" if ask == 1 else "", extra={"problems": e.error_count()})
    raise BadAnswer("triage output does not match")


async def investigate(text):
    t, history = time.monotonic(), [("user", text)]
    for turn in range(1, 6):
        out, calls = await complete("investigate-v3", "You investigate an insurance claim.", history, tools.SPEC)
        if not calls:
            log.info("agent finished", extra={"turns": turn, "took_ms": took(t)})
            return out
        results = await asyncio.gather(*(tools.run(n, a, i) for i, n, a in calls))
        history += [("calls", calls), ("results", [(i, r) for (i, _, _), r in zip(calls, results)])]
    return "no conclusion"
