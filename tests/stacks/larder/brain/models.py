"""OpenAI first, Anthropic when that fails. The SDKs retry by themselves."""
import logging, time
import anthropic, openai
from . import tools

log = logging.getLogger("brain.models")
PRIMARY, SECOND = "gpt-4o-mini", "claude-3-5-haiku-20241022"
oa = openai.AsyncOpenAI(api_key="sk-none", base_url="http://127.0.0.1:8841/v1", max_retries=2, timeout=3.0)
an = anthropic.AsyncAnthropic(api_key="none", base_url="http://127.0.0.1:8842", max_retries=1, timeout=3.0)


class AllFailed(Exception):
    pass


class Refused(Exception):
    pass


def why(e):
    return {"error": type(e).__name__, "status": getattr(e, "status_code", None), "provider_request_id": getattr(e, "request_id", None)}


async def complete(gen, messages, use_tools=False):
    """-> (message, model, usage, fallback)"""
    t = time.perf_counter()
    try:
        r = await oa.chat.completions.create(model=PRIMARY, messages=messages, **({"tools": tools.SPEC} if use_tools else {}))
        log.info("model answered", extra={"generation": gen, "model": r.model, "response_id": r.id, "input_tokens": r.usage.prompt_tokens, "output_tokens": r.usage.completion_tokens,
                                          "finish_reason": r.choices[0].finish_reason, "duration_ms": round((time.perf_counter() - t) * 1000, 1)})
        return r.choices[0].message, PRIMARY, r.usage.total_tokens, False
    except openai.BadRequestError as e:
        log.error("model refused the input", extra={"generation": gen, "model": PRIMARY, **why(e)})
        raise Refused("input refused by the model")
    except (openai.APIStatusError, openai.APIConnectionError) as e:
        log.warning("primary model failed, falling back", extra={"generation": gen, "model": PRIMARY, "fallback_model": SECOND, **why(e)})
    t = time.perf_counter()
    try:
        r = await an.messages.create(model=SECOND, max_tokens=1200, messages=[{"role": "user", "content": messages[-1]["content"] or "go on"}])
        log.info("model answered", extra={"generation": gen, "model": r.model, "response_id": r.id, "input_tokens": r.usage.input_tokens, "output_tokens": r.usage.output_tokens,
                                          "finish_reason": r.stop_reason, "duration_ms": round((time.perf_counter() - t) * 1000, 1)})
        class M: content, tool_calls = r.content[0].text, None
        return M, SECOND, r.usage.input_tokens + r.usage.output_tokens, True
    except (anthropic.APIStatusError, anthropic.APIConnectionError) as e:
        log.error("fallback model failed", extra={"generation": gen, "model": SECOND, **why(e)})
        raise AllFailed("all models failed")
