"""Claimwise's API: insurance claims in; triage, answers, letters and investigations out."""
import asyncio
import json
import time
import uuid

import structlog
import uvicorn
from pydantic import BaseModel, ValidationError
from quart import Quart, g, jsonify, request
from structlog.contextvars import bind_contextvars, clear_contextvars
from werkzeug.exceptions import HTTPException

from . import applog, db, llm
from .queue import POLICY, queue

applog.setup()
app = Quart("claimwise")
log = structlog.get_logger("claimwise.api")


class Answer(BaseModel):
    answer: str
    confidence: float


class Refused(Exception):
    def __init__(self, status, error):
        self.status, self.error = status, error


@app.before_serving
async def start():
    await db.connect(lambda table, verb, rows, ms: log.info("db write", table=table, op=verb, rows=rows, duration_ms=round(ms, 2)))
    await queue.connect()
    log.info("api started")


@app.before_request
async def begin():
    clear_contextvars()
    if request.path == "/healthz":
        return
    bind_contextvars(request_id=request.headers.get("X-Request-ID"))
    g.t, g.traceparent = time.perf_counter(), request.headers.get("traceparent")
    log.info("request started", method=request.method, path=request.path, **({"trace_id": g.traceparent.split("-")[1]} if g.traceparent else {}))
    if request.headers.get("Authorization") != "Bearer cw_live":
        raise Refused(401, "unknown token")


@app.after_request
async def done(response):
    if request.path != "/healthz" and "t" in g:
        what = "response started" if response.mimetype == "text/event-stream" else "request finished"
        log.log(40 if response.status_code >= 500 else 20, what, method=request.method, path=request.path, status=response.status_code, duration_ms=llm.ms(g.t))
    return response


@app.errorhandler(Refused)
async def refused(e):
    log.warning("request refused", status=e.status, reason=e.error)
    return jsonify(error=e.error), e.status


@app.errorhandler(llm.ModelUnavailable)
async def no_model(e):
    log.error("no model could answer", reason=str(e))
    return jsonify(error="model_unavailable"), e.status


@app.errorhandler(HTTPException)
async def http_error(e):
    return jsonify(error=e.name), e.code


async def body(**fields):
    try:
        d = await request.get_json(force=True)
    except Exception:
        raise Refused(400, "not json")
    for k, t in fields.items():
        if not isinstance(d.get(k), t):
            raise Refused(422, f"{k} is missing or wrong")
    return d


async def enqueue(kind, **payload):
    t, job_id = time.perf_counter(), str(uuid.uuid4())
    await db.write("insert into jobs (id, kind) values ($1, $2)", job_id, kind)
    await queue.enqueue(kind, key=job_id, request_id=structlog.contextvars.get_contextvars()["request_id"], traceparent=g.traceparent, **POLICY, **payload)
    log.info("job enqueued", job_id=job_id, kind=kind, duration_ms=llm.ms(t))
    return job_id


async def claim(number):
    row = await db.one("select id, policy, body, amount, category, state from claims where id = $1", number)
    if not row:
        raise Refused(404, "no such claim")
    return row


@app.get("/healthz")
async def health():
    return {"ok": True}


@app.post("/v1/claims")
async def create():
    d = await body(policy=str, text=str, amount=int)
    i = await db.write("insert into claims (policy, body, amount) values ($1, $2, $3) returning id", d["policy"], d["text"], d["amount"])
    return {"claim_id": i, "job_id": await enqueue("triage_claim", claim_id=i, amount=d["amount"])}, 202


@app.post("/v1/claims/<int:number>/investigate")
async def investigate(number):
    await claim(number)
    return {"job_id": await enqueue("investigate_claim", claim_id=number)}, 202


@app.post("/v1/claims/<int:number>/ask")
async def ask(number):
    d = await body(question=str)
    row = await claim(number)
    try:
        for second in (False, True):
            text, model = await llm.ask("ask-v9", "Answer about the claim. JSON: answer, confidence", row["body"] + d["question"])
            try:
                a = Answer.model_validate_json(text)
                break
            except ValidationError as e:
                log.warning("answer does not fit the schema", model=model, errors=e.error_count(), asking_again=not second)
                if second:
                    return {"error": "bad_model_answer"}, 502
    except asyncio.CancelledError:
        log.warning("client went away", duration_ms=llm.ms(g.t))
        raise
    await db.quietly("insert into answers (claim_id, model, answer) values ($1, $2, $3)", number, model, a.answer)
    return {"answer": a.answer}


@app.post("/v1/claims/<int:number>/letter")
async def letter(number):
    row, t = await claim(number), g.t
    parts = llm.stream("letter-v4", "Write the letter. Plain text.", row["body"])
    first = await anext(parts)

    async def events():
        n = 1
        try:
            yield f"data: {json.dumps(first)}\n\n".encode()
            async for p in parts:
                n += 1
                yield f"data: {json.dumps(p)}\n\n".encode()
            await db.write("insert into letters (claim_id, chunks) values ($1, $2)", number, n)
            yield b"data: [DONE]\n\n"
            log.info("stream finished", chunks=n, duration_ms=llm.ms(t))
        except (asyncio.CancelledError, GeneratorExit):
            log.warning("client closed the stream", chunks=n, duration_ms=llm.ms(t))
            raise
        except Exception as e:
            log.error("stream broken", chunks=n, error=type(e).__name__, duration_ms=llm.ms(t))
        finally:
            await parts.aclose()
    r = await app.make_response((events(), 200, {"Content-Type": "text/event-stream"}))
    r.timeout = None
    return r


@app.get("/v1/claims/<int:number>")
async def read(number):
    row = await claim(number)
    return {"id": number, "state": row["state"], "category": row["category"], "share": round(1000 / row["amount"], 3)}


@app.patch("/v1/claims/<int:number>")
async def patch(number):
    d = await body(state=str)
    await db.write("update claims set state = $1 where id = $2", d["state"], number)
    return {"id": number}


@app.get("/v1/jobs/<job_id>")
async def job(job_id):
    try:
        row = await db.one("select status, runs from jobs where id = $1", uuid.UUID(job_id))
    except ValueError:
        row = None
    if not row:
        raise Refused(404, "no such job")
    log.info("job status read", job_id=job_id, job_status=row["status"])
    return dict(row)


def main():
    uvicorn.run(app, host="127.0.0.1", port=9510, log_config=None, access_log=False, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
