"""Model calls: OpenAI first, Anthropic if that is down. We retry ourselves so that each attempt is in the log."""
import asyncio
import time

import anthropic
import openai
from loguru import logger

oa = openai.AsyncOpenAI(max_retries=0, timeout=3.0)
an = anthropic.AsyncAnthropic(max_retries=0, timeout=3.0)
ORDER = (("gpt-5-mini", 3), ("claude-haiku-4-5", 2))


class Unavailable(Exception):
    def __init__(self, text, status=502):
        super().__init__(text)
        self.status = status


def since(t):
    return round(time.perf_counter() - t, 4)


async def request(model, system, user, stream):
    if model.startswith("gpt"):
        more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        return await oa.chat.completions.create(model=model, messages=[{"role": "system", "content": system}, {"role": "user", "content": user}], **more)
    return await an.messages.create(model=model, max_tokens=1024, system=system, messages=[{"role": "user", "content": user}], **({"stream": True} if stream else {}))


async def attempt(prompt, system, user, stream=False):
    error = None
    for i, (model, tries) in enumerate(ORDER):
        if i:
            logger.warning("{} is unavailable, using {}", ORDER[i - 1][0], model, fallback_from=ORDER[i - 1][0], fallback_to=model)
        for n in range(1, tries + 1):
            t, pause = time.perf_counter(), .4 * 2 ** n
            ctx = {"model": model, "prompt": prompt, "attempt": n}
            try:
                return await request(model, system, user, stream), ctx, t
            except (openai.APITimeoutError, anthropic.APITimeoutError):
                error = Unavailable(f"{model}: timeout", 504)
                logger.warning("model attempt {}/{} timed out", n, tries, **ctx, seconds=since(t))
            except (openai.APIStatusError, anthropic.APIStatusError) as e:
                error = Unavailable(f"{model}: {e.status_code}")
                logger.warning("model attempt {}/{} failed: HTTP {}", n, tries, e.status_code, **ctx, http_status=e.status_code, provider_request_id=e.request_id, seconds=since(t))
                pause = float(e.response.headers.get("retry-after", pause))
            if n < tries:
                logger.info("sleeping {}s before next attempt", pause, model=model, sleep_s=pause)
                await asyncio.sleep(pause)
    raise error


async def complete(prompt, system, user):
    r, ctx, t = await attempt(prompt, system, user)
    if ctx["model"].startswith("gpt"):
        text, tin, tout = r.choices[0].message.content, r.usage.prompt_tokens, r.usage.completion_tokens
    else:
        text, tin, tout = r.content[0].text, r.usage.input_tokens, r.usage.output_tokens
    logger.info("model answered", **ctx, completion_id=r.id, tokens_in=tin, tokens_out=tout, seconds=since(t))
    return text, ctx["model"]


async def stream(prompt, system, user):
    s, ctx, t = await attempt(prompt, system, user, stream=True)
    cid = ttft = None
    try:
        async for e in s:
            if ctx["model"].startswith("gpt"):
                cid, part = e.id, e.choices[0].delta.content if e.choices else None
            else:
                cid = e.message.id if e.type == "message_start" else cid
                part = e.delta.text if e.type == "content_block_delta" else None
            if part:
                ttft = ttft or since(t)
                yield part
        logger.info("model stream complete", **ctx, completion_id=cid, first_token_s=ttft, seconds=since(t))
    except (asyncio.CancelledError, GeneratorExit):
        logger.warning("model stream dropped", **ctx, completion_id=cid, first_token_s=ttft, seconds=since(t))
        raise
    except Exception as e:
        logger.error("model stream broke: {}", type(e).__name__, **ctx, completion_id=cid, first_token_s=ttft, seconds=since(t))
        raise
    finally:
        await s.close()
