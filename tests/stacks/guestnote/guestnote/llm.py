"""Model calls of the API: plain HTTP to OpenAI, with Anthropic in reserve."""
import asyncio
import json
import logging
import os
import time

import httpx

log = logging.getLogger("guestnote.llm")
OPENAI, ANTHROPIC = os.environ["OPENAI_BASE_URL"], os.environ["ANTHROPIC_BASE_URL"]
CHAIN = [("openai", "gpt-4.1-mini", 3), ("anthropic", "claude-haiku-4-5", 2)]
client = httpx.AsyncClient(timeout=httpx.Timeout(4.0), limits=httpx.Limits(max_connections=100))


class ModelUnavailable(Exception):
    pass


class ModelTimeout(ModelUnavailable):
    pass


def build(provider, model, system, user, stream):
    if provider == "openai":
        body = {"model": model, "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}]}
        if stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return client.build_request("POST", OPENAI + "/chat/completions", json=body, headers={"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
    body = {"model": model, "max_tokens": 1024, "system": system, "messages": [{"role": "user", "content": user}]}
    if stream:
        body["stream"] = True
    return client.build_request("POST", ANTHROPIC + "/v1/messages", json=body, headers={"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01"})


async def attempts(prompt, system, user, stream=False):
    """The first good response, and what is known about it; retries, then the next provider."""
    last = None
    for n, (provider, model, tries) in enumerate(CHAIN):
        for attempt in range(1, tries + 1):
            t = time.perf_counter()
            about = {"provider": provider, "model": model, "attempt": attempt, "prompt_version": prompt}
            try:
                r = await client.send(build(provider, model, system, user, stream), stream=stream)
            except httpx.TimeoutException:
                log.warning("model call timed out", extra={**about, "duration_ms": ms(t)})
                last = ModelTimeout(model)
                break
            about["upstream_request_id"] = r.headers.get("x-request-id") or r.headers.get("request-id")
            if r.status_code == 200:
                return r, about, t
            if stream:
                await r.aread()
            last = ModelUnavailable(f"{model} answered {r.status_code}")
            wait = float(r.headers.get("retry-after", .4 * 2 ** (attempt - 1)))
            again = attempt < tries
            log.warning("model call failed" + (f", retrying in {wait:g}s" if again else ""), extra={**about, "status": r.status_code, "duration_ms": ms(t)})
            if again:
                await asyncio.sleep(wait)
        if n + 1 < len(CHAIN):
            log.warning("falling back to %s", CHAIN[n + 1][1], extra={"model": model, "fallback_model": CHAIN[n + 1][1]})
    raise last


def ms(t):
    return round((time.perf_counter() - t) * 1000, 1)


async def ask(prompt, system, user):
    r, about, t = await attempts(prompt, system, user)
    d = r.json()
    u = d["usage"]
    log.info("model call ok", extra={**about, "completion_id": d["id"], "prompt_tokens": u.get("prompt_tokens", u.get("input_tokens")), "completion_tokens": u.get("completion_tokens", u.get("output_tokens")), "duration_ms": ms(t)})
    return (d["choices"][0]["message"]["content"] if "choices" in d else d["content"][0]["text"]), about["model"]


async def stream(prompt, system, user):
    r, about, t = await attempts(prompt, system, user, stream=True)
    cid, tokens, first = None, None, None
    try:
        async for line in r.aiter_lines():
            if not line.startswith("data: {"):
                continue
            d = json.loads(line[6:])
            cid = cid or d.get("id") or d.get("message", {}).get("id")
            tokens = (d.get("usage") or {}).get("completion_tokens") or (d.get("usage") or {}).get("output_tokens") or tokens
            part = d.get("delta", {}).get("text") or (d.get("choices") or [{}])[0].get("delta", {}).get("content")
            if part:
                first = first or ms(t)
                yield part
        log.info("model stream done", extra={**about, "completion_id": cid, "completion_tokens": tokens, "ttft_ms": first, "duration_ms": ms(t)})
    except httpx.HTTPError as e:
        log.error("model stream broke off: %s", type(e).__name__, extra={**about, "completion_id": cid, "ttft_ms": first, "duration_ms": ms(t)})
        raise
    finally:
        await r.aclose()
