import asyncio, contextlib, json, logging, secrets, time
import openai
from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ValidationError
from . import logs, models, prompts, tools

logs.setup()
log = logging.getLogger("brain.api")


class Recipe(BaseModel):
    title: str
    servings: int
    ingredients: list[str]
    steps: list[str]


class Ask(BaseModel):
    task: str
    input: dict
    caller: dict = {}


class Cook(BaseModel):
    recipe: str
    step: int = 1


served = {"generations": 0, "open": 0}


@contextlib.asynccontextmanager
async def lifespan(_):
    async def beat():
        while True:
            await asyncio.sleep(15)
            log.info("heartbeat", extra={"generations": served["generations"], "open": served["open"]})
    t = asyncio.create_task(beat())
    yield
    t.cancel()
app = FastAPI(lifespan=lifespan)
app.add_middleware(CorrelationIdMiddleware)


def trace_of(tp):
    return {"trace_id": tp.split("-")[1]} if tp and tp.count("-") == 3 else {}


async def extract(gen, version, ask):
    messages = [{"role": "user", "content": prompts.PROMPTS["extract"] + ask.input["source"]}]
    for n in (1, 2):
        m, model, tokens, fb = await models.complete(gen, messages)
        try:
            out = Recipe.model_validate_json(m.content)
            return out.model_dump(), model, tokens, fb, n
        except ValidationError as e:
            log.warning("answer does not fit the schema", extra={"generation": gen, "ask": n, "errors": [".".join(map(str, x["loc"])) + ": " + x["type"] for x in e.errors()]})
            messages.append({"role": "user", "content": "Answer again, valid JSON only."})
    raise ValueError("answer does not fit the schema after 2 asks")


async def plan(gen, version, ask, headers):
    messages = [{"role": "user", "content": prompts.PROMPTS["plan"] + json.dumps(ask.input)}]
    m, model, tokens, fb = await models.complete(gen, messages, use_tools=True)
    if m.tool_calls:
        async def run(c):
            t = time.perf_counter()
            r = await tools.nutrition_lookup(json.loads(c.function.arguments)["name"], headers)
            log.info("tool finished", extra={"generation": gen, "tool": c.function.name, "tool_call_id": c.id, "ok": "error" not in r, "duration_ms": round((time.perf_counter() - t) * 1000, 1)})
            return r
        facts = await asyncio.gather(*[run(c) for c in m.tool_calls])
        messages.append({"role": "user", "content": json.dumps(facts)})
        m, model, more, fb2 = await models.complete(gen, messages)
        tokens, fb = tokens + more, fb or fb2
    return {"plan": m.content}, model, tokens, fb, 1


@app.post("/v1/generate")
async def generate(ask: Ask, traceparent: str | None = Header(None)):
    gen, version, t = "gen_" + secrets.token_hex(8), prompts.pick(ask.task), time.perf_counter()
    served["generations"] += 1; served["open"] += 1
    log.info("generation started", extra={"generation": gen, "task": ask.task, "prompt_version": version, "caller": ask.caller, **trace_of(traceparent)})
    headers = {"X-Request-Id": correlation_id.get(), **({"traceparent": traceparent} if traceparent else {})}
    try:
        if ask.task == "extract":
            out, model, tokens, fb, asks = await extract(gen, version, ask)
        elif ask.task == "plan":
            out, model, tokens, fb, asks = await plan(gen, version, ask, headers)
        else:
            m, model, tokens, fb = await models.complete(gen, [{"role": "user", "content": prompts.PROMPTS["substitute"] + json.dumps(ask.input)}])
            out, asks = {"text": m.content}, 1
    except models.AllFailed as e:
        return fail(gen, 502, e, t)
    except (models.Refused, ValueError) as e:
        return fail(gen, 422, e, t)
    finally:
        served["open"] -= 1
    log.info("generation finished", extra={"generation": gen, "model": model, "tokens": tokens, "fallback": fb, "duration_ms": round((time.perf_counter() - t) * 1000, 1), **trace_of(traceparent)})
    return {"generation": gen, "model": model, "prompt_version": version, "tokens": tokens, "fallback": fb, "asks": asks, "output": out}


def fail(gen, status, e, t):
    log.error("generation failed", extra={"generation": gen, "status": status, "reason": str(e), "duration_ms": round((time.perf_counter() - t) * 1000, 1)})
    return JSONResponse({"generation": gen, "error": str(e)}, status)


@app.post("/v1/cook-along")
async def cook(body: Cook, traceparent: str | None = Header(None)):
    gen, t = "gen_" + secrets.token_hex(8), time.perf_counter()
    served["generations"] += 1
    log.info("stream started", extra={"generation": gen, "prompt_version": prompts.pick("cook-along"), "model": models.PRIMARY, **trace_of(traceparent)})
    try:
        stream = await models.oa.chat.completions.create(model=models.PRIMARY, messages=[{"role": "user", "content": body.recipe}], stream=True)
    except (openai.APIStatusError, openai.APIConnectionError) as e:
        log.error("stream could not start", extra={"generation": gen, "model": models.PRIMARY, **models.why(e)})
        return JSONResponse({"error": "assistant_unavailable"}, 503)
    first = []

    async def events():
        n = 0
        try:
            async for c in stream:
                if not first:
                    first.append(round((time.perf_counter() - t) * 1000, 1))
                if c.choices and c.choices[0].delta.content:
                    n += 1
                    yield f"data: {json.dumps(c.choices[0].delta.content)}\n\n"
            yield "data: [DONE]\n\n"
            log.info("stream finished", extra={"generation": gen, "response_id": c.id, "chunks": n, "ttft_ms": first[0], "duration_ms": round((time.perf_counter() - t) * 1000, 1), **trace_of(traceparent)})
        except asyncio.CancelledError:
            log.info("stream cancelled, client went away", extra={"generation": gen, "chunks": n, "duration_ms": round((time.perf_counter() - t) * 1000, 1)})
            raise
        except Exception as e:
            log.exception("stream broke", extra={"generation": gen, "chunks": n})
            yield f"event: error\ndata: {type(e).__name__}\n\n"
        finally:
            await asyncio.shield(stream.close())
    return StreamingResponse(events(), media_type="text/event-stream")
