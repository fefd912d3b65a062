"""OpenAI, then Anthropic. The SDKs do not retry; we do, with a line for each attempt."""
import asyncio
import json
import time

import anthropic
import openai

from .logs import ns

oa = openai.AsyncOpenAI(max_retries=0, timeout=3.0)
an = anthropic.AsyncAnthropic(max_retries=0, timeout=3.0)
CHAIN = (("gpt-5-mini", 3), ("claude-sonnet-4-6", 2))


class LLMUnavailable(Exception):
    permanent = False


class SchemaMismatch(Exception):
    pass


async def send(model, system, messages, tools):
    if model.startswith("gpt"):
        more = {"tools": [{"type": "function", "function": t} for t in tools]} if tools else {}
        r = await oa.chat.completions.create(model=model, messages=[{"role": "system", "content": system}, *messages], **more)
        m = r.choices[0].message
        calls = [(c.id, c.function.name, json.loads(c.function.arguments)) for c in m.tool_calls or []]
        return r.id, m.content, calls, r.usage.prompt_tokens, r.usage.completion_tokens
    plain = [{"role": "assistant" if m["role"] == "assistant" else "user", "content": m["content"] or "see tools"} for m in messages]
    more = {"tools": [{"name": t["name"], "description": t["description"], "input_schema": t["parameters"]} for t in tools]} if tools else {}
    r = await an.messages.create(model=model, max_tokens=1500, system=system, messages=plain, **more)
    return r.id, "".join(b.text for b in r.content if b.type == "text"), [(b.id, b.name, b.input) for b in r.content if b.type == "tool_use"], r.usage.input_tokens, r.usage.output_tokens


async def call(log, prompt, system, messages, tools=None):
    last = None
    for i, (model, tries) in enumerate(CHAIN):
        if i:
            log.warning("giving up on %s, switching to %s", CHAIN[i - 1][0], model, extra={"llm.model": model, "llm.previous_model": CHAIN[i - 1][0]})
        for n in range(1, tries + 1):
            t, about = time.perf_counter(), {"llm.model": model, "llm.attempt": n, "llm.prompt_version": prompt}
            log.info("llm call started", extra=about)
            try:
                cid, text, calls, tin, tout = await send(model, system, messages, tools)
                log.info("llm call finished", extra={**about, "llm.response_id": cid, "llm.tokens.input": tin, "llm.tokens.output": tout, "event.duration": ns(time.perf_counter() - t), "event.outcome": "success"})
                return model, cid, text, calls
            except (openai.APITimeoutError, anthropic.APITimeoutError) as e:
                last, pause = e, .5 * 2 ** n
                log.warning("llm call timed out", extra={**about, "event.duration": ns(time.perf_counter() - t), "event.outcome": "failure"})
            except (openai.APIStatusError, anthropic.APIStatusError) as e:
                last, pause = e, float(e.response.headers.get("retry-after", .5 * 2 ** n))
                log.warning("llm call failed with %d", e.status_code, extra={**about, "http.response.status_code": e.status_code, "llm.provider_request_id": e.request_id, "event.duration": ns(time.perf_counter() - t), "event.outcome": "failure"})
                if e.status_code == 400:
                    break
            if n < tries:
                log.info("backing off before next llm call", extra={"llm.model": model, "retry.delay_ms": int(pause * 1000)})
                await asyncio.sleep(pause)
    e = LLMUnavailable(str(last))
    e.permanent = getattr(last, "status_code", 0) == 400
    raise e


async def structured(log, prompt, system, messages, model_class):
    for last in (False, True):
        model, cid, text, _ = await call(log, prompt, system, messages)
        try:
            return model_class.model_validate_json(text)
        except ValueError as e:
            log.warning("llm answer does not validate%s", "" if last else ", asking again", extra={"llm.model": model, "llm.response_id": cid, "problems": e.error_count()})
    raise SchemaMismatch("answer did not validate twice")
