"""Guestnote's API: hotel reviews in, classifications, reply suggestions and insights out."""
import asyncio
import json
import logging
import os
import time

from pydantic import BaseModel, ValidationError
from sanic import Sanic
from sanic.exceptions import BadRequest, NotFound, SanicException, Unauthorized
from sanic.response import json as reply

from . import applog, db, llm, tasks
from .broker import broker
from .ctx import request_id

app = Sanic("guestnote", log_config=applog.CONFIG)
app.config.ACCESS_LOG = True
app.config.FALLBACK_ERROR_FORMAT = "json"
log = logging.getLogger("guestnote.api")


class Suggestion(BaseModel):
    reply: str
    tone: str


@app.before_server_start
async def start(app):
    await broker.startup()


@app.on_request
async def begin(request):
    rid = request.headers.get("x-request-id")
    request_id.set(rid)
    request.ctx.t = time.perf_counter()
    if request.path == "/healthz":
        return
    tp = request.headers.get("traceparent")
    request.ctx.traceparent = tp
    log.info("request started", extra={"method": request.method, "path": request.path, **({"trace_id": tp.split("-")[1]} if tp else {})})
    if request.headers.get("authorization") != "Bearer gn_live":
        raise Unauthorized("unknown api key")


@app.on_response
async def done(request, response):
    if response.content_type == "text/event-stream":
        log.info("stream opened", extra={"status": response.status, "duration_ms": llm.ms(request.ctx.t)})
    elif request.path != "/healthz" and hasattr(request.ctx, "t"):
        log.log(logging.INFO if response.status < 500 else logging.ERROR, "request finished", extra={"method": request.method, "path": request.path, "status": response.status, "duration_ms": llm.ms(request.ctx.t)})


@app.exception(llm.ModelUnavailable)
async def no_model(request, e):
    log.error("no model could answer: %s", e)
    return reply({"error": "model_unavailable"}, 504 if isinstance(e, llm.ModelTimeout) else 502)


def need(d, **fields):
    for k, t in fields.items():
        if not isinstance(d.get(k), t):
            raise SanicException(f"{k} is missing or wrong", status_code=422)


async def enqueue(request, kind, task, **payload):
    no = await db.write("insert into jobs (kind) values (:k) returning job_no", {"k": kind})
    kicker = task.kicker()
    if request.ctx.traceparent:
        kicker = kicker.with_labels(traceparent=request.ctx.traceparent)
    t = await kicker.kiq({"job_no": no, "request_id": request_id.get(), **payload})
    log.info("job queued", extra={"job_no": no, "kind": kind, "task_id": t.task_id})
    return no


@app.get("/healthz")
async def health(request):
    return reply({"ok": True})


@app.post("/api/reviews")
async def create_review(request):
    d = request.json
    need(d, property=str, text=str, rating=int)
    i = await db.write("insert into reviews (property, body, rating) values (:p, :b, :r) returning id", {"p": d["property"], "b": d["text"], "r": d["rating"]})
    no = await enqueue(request, "classify", tasks.classify_review, review_id=i, rating=d["rating"])
    return reply({"review_id": i, "job_no": no}, 202)


@app.post("/api/insights")
async def insights(request):
    need(request.json, property=str)
    no = await enqueue(request, "insights", tasks.build_insights, property=request.json["property"])
    return reply({"job_no": no}, 202)


@app.post("/api/suggest")
async def suggest(request):
    need(request.json, review_id=int)
    row = await db.one("select id, body from reviews where id = :i", i=request.json["review_id"])
    if not row:
        raise NotFound("no such review")
    for second in (False, True):
        text, model = await llm.ask("suggest-v7", "Suggest a reply to the guest. JSON: reply, tone", row["body"])
        try:
            s = Suggestion.model_validate_json(text)
            break
        except ValidationError as e:
            log.warning("model answer does not match the schema" + ("" if second else ", asking again"), extra={"model": model, "errors": e.error_count()})
            if second:
                return reply({"error": "bad_model_answer"}, 502)
    await db.write("insert into replies (review_id, model, tone) values (:r, :m, :t)", {"r": row["id"], "m": model, "t": s.tone})
    return reply({"reply": s.reply, "tone": s.tone})


@app.post("/api/replies/stream")
async def stream(request):
    need(request.json, review_id=int)
    parts = llm.stream("stream-v2", "Write the reply. Plain text.", "review")
    try:
        first = await anext(parts)
        response = await request.respond(content_type="text/event-stream")
        await response.send(f"data: {json.dumps(first)}\n\n")
        n = 1
        async for p in parts:
            await response.send(f"data: {json.dumps(p)}\n\n")
            n += 1
        await response.send("data: [DONE]\n\n")
        await response.eof()
        log.info("stream finished", extra={"method": request.method, "path": request.path, "status": 200, "chunks": n, "duration_ms": llm.ms(request.ctx.t)})
    except asyncio.CancelledError:
        log.warning("client closed the connection", extra={"duration_ms": llm.ms(request.ctx.t)})
        raise
    finally:
        await parts.aclose()


@app.get("/api/reviews/<rid:int>")
async def read(request, rid):
    row = await db.one("select id, property, rating, sentiment, urgency, body from reviews where id = :i", i=rid)
    if not row:
        raise NotFound("no such review")
    return reply({"id": row["id"], "sentiment": row["sentiment"], "stars": "*" * (10 // row["rating"])})


@app.patch("/api/reviews/<rid:int>")
async def patch(request, rid):
    need(request.json, status=str)
    await db.write("update reviews set status = :s where id = :i", {"s": request.json["status"], "i": rid})
    return reply({"id": rid})


@app.get("/api/jobs/<no:int>")
async def job(request, no):
    row = await db.one("select job_no, status, attempts from jobs where job_no = :n", n=no)
    if not row:
        raise NotFound("no such job")
    log.info("job status read", extra={"job_no": no, "job_status": row["status"]})
    return reply(dict(row))


def main():
    app.run(host="127.0.0.1", port=9310, single_process=True, motd=False)


if __name__ == "__main__":
    main()
