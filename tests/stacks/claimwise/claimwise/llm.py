"""Model calls of the API: OpenAI, with Anthropic in reserve. The SDKs' own retries are off: we could not see them."""
import asyncio
import time

import anthropic
import openai
import structlog

log = structlog.get_logger("claimwise.llm")
oa = openai.AsyncOpenAI(max_retries=0, timeout=3.0)
an = anthropic.AsyncAnthropic(max_retries=0, timeout=3.0)
CHAIN = [("openai", "gpt-4.1", 3), ("anthropic", "claude-sonnet-4-5", 2)]


class ModelUnavailable(Exception):
    status = 502


class ModelTimeout(ModelUnavailable):
    status = 504


def ms(t):
    return round((time.perf_counter() - t) * 1000, 1)


async def send(provider, model, system, user, stream):
    if provider == "openai":
        more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        return await oa.chat.completions.create(model=model, messages=[{"role": "system", "content": system}, {"role": "user", "content": user}], **more)
    return await an.messages.create(model=model, max_tokens=1024, system=system, messages=[{"role": "user", "content": user}], **({"stream": True} if stream else {}))


async def attempts(prompt, system, user, stream=False):
    """The first answer, what is known of it, and when its attempt began."""
    last = None
    for n, (provider, model, tries) in enumerate(CHAIN):
        for attempt in range(1, tries + 1):
            t, wait = time.perf_counter(), .5 * 2 ** (attempt - 1)
            about = {"provider": provider, "model": model, "attempt": attempt, "prompt_version": prompt}
            try:
                return await send(provider, model, system, user, stream), about, t
            except (openai.APITimeoutError, anthropic.APITimeoutError):
                log.warning("model attempt timed out", **about, duration_ms=ms(t))
                last = ModelTimeout(f"{model} timed out")
            except (openai.APIStatusError, anthropic.APIStatusError) as e:
                log.warning("model attempt failed", **about, status=e.status_code, upstream_request_id=e.request_id, duration_ms=ms(t))
                last = ModelUnavailable(f"{model} answered {e.status_code}")
                wait = float(e.response.headers.get("retry-after", wait))
            except asyncio.CancelledError:
                log.warning("model attempt abandoned", **about, duration_ms=ms(t))
                raise
            if attempt < tries:
                log.info("retrying model call", model=model, next_attempt=attempt + 1, wait_s=wait)
                await asyncio.sleep(wait)
        if n + 1 < len(CHAIN):
            log.warning("falling back to other model", model=model, fallback_model=CHAIN[n + 1][1], reason=str(last))
    raise last


async def ask(prompt, system, user):
    r, about, t = await attempts(prompt, system, user)
    if about["provider"] == "openai":
        text, tin, tout = r.choices[0].message.content, r.usage.prompt_tokens, r.usage.completion_tokens
    else:
        text, tin, tout = r.content[0].text, r.usage.input_tokens, r.usage.output_tokens
    log.info("model call ok", **about, completion_id=r.id, upstream_request_id=r._request_id, tokens_in=tin, tokens_out=tout, duration_ms=ms(t))
    return text, about["model"]


async def stream(prompt, system, user):
    s, about, t = await attempts(prompt, system, user, stream=True)
    cid = tokens = first = None
    try:
        async for e in s:
            if about["provider"] == "openai":
                cid, part = e.id, e.choices[0].delta.content if e.choices else None
                tokens = e.usage.completion_tokens if e.usage else tokens
            else:
                part = e.delta.text if e.type == "content_block_delta" else None
                cid = e.message.id if e.type == "message_start" else cid
                tokens = e.usage.output_tokens if e.type == "message_delta" else tokens
            if part:
                first = first or ms(t)
                yield part
        log.info("model stream finished", **about, completion_id=cid, tokens_out=tokens, ttft_ms=first, duration_ms=ms(t))
    except (asyncio.CancelledError, GeneratorExit):
        log.warning("model stream abandoned", **about, completion_id=cid, ttft_ms=first, duration_ms=ms(t))
        raise
    except Exception as e:
        log.error("model stream broke off", **about, completion_id=cid, ttft_ms=first, duration_ms=ms(t), error=type(e).__name__)
        raise
    finally:
        await s.close()
