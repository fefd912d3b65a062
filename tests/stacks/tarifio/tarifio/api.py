"""Tarifio: customs paperwork for small shippers."""
import asyncio
import contextlib
import json
import time

import uvicorn
from loguru import logger
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from . import db, logs, models, queue

logs.setup()


class Answer(BaseModel):
    answer: str
    confidence: float


class RequestLog:
    """Begin and end of each request, with the load balancer's request id on all lines between."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["path"] == "/healthz":
            return await self.app(scope, receive, send)
        h = {k.decode(): v.decode("latin1") for k, v in scope["headers"]}
        t, status = time.perf_counter(), None
        scope["state"].update(request_id=h.get("x-request-id"), trace_id=h["traceparent"].split("-")[1] if "traceparent" in h else None)

        async def on_send(m):
            nonlocal status
            if m["type"] == "http.response.start":
                status = m["status"]
            await send(m)
        with logger.contextualize(request_id=h.get("x-request-id")):
            about = {"method": scope["method"], "path": scope["path"]}
            logger.info("{method} {path}", **about, **({"trace_id": scope["state"]["trace_id"]} if scope["state"]["trace_id"] else {}))
            try:
                await self.app(scope, receive, on_send)
            except Exception:
                logger.exception("unhandled error")
                if status is None:
                    await JSONResponse({"error": "internal"}, 500)(scope, receive, on_send)
            finally:
                logger.log("ERROR" if (status or 500) >= 500 else "INFO", "{method} {path} -> {status}", **about, status=status, elapsed_ms=round((time.perf_counter() - t) * 1000, 1))


async def body(request, **fields):
    try:
        d = await request.json()
    except json.JSONDecodeError:
        raise HTTPException(400, "not json")
    for k, kind in fields.items():
        if not isinstance(d.get(k), kind):
            raise HTTPException(422, f"{k} is missing or wrong")
    return d


async def shipment(request):
    row = await db.row("select id, description, value_eur, category, state from shipments where id = $1", request.path_params["id"])
    if not row:
        raise HTTPException(404, "no such shipment")
    return row


def who(request):
    if request.headers.get("authorization") != "Bearer tf_live":
        raise HTTPException(401, "unknown token")
    return {"request_id": request.state.request_id, "trace_id": request.state.trace_id}


async def create(request):
    ids = who(request)
    d = await body(request, reference=str, description=str, value_eur=int)
    i = await db.write("insert into shipments (reference, description, value_eur) values ($1, $2, $3) returning id", d["reference"], d["description"], d["value_eur"])
    return JSONResponse({"shipment_id": i, "job_id": await queue.enqueue("classify", shipment_id=i, value_eur=d["value_eur"], **ids)}, 202)


async def screen(request):
    ids = who(request)
    row = await shipment(request)
    return JSONResponse({"job_id": await queue.enqueue("screen", shipment_id=row["id"], **ids)}, 202)


async def question(request):
    who(request)
    d = await body(request, question=str)
    row = await shipment(request)
    for last in (False, True):
        text, model = await models.complete("question@7", "Answer about the shipment. JSON: answer, confidence", row["description"] + d["question"])
        try:
            a = Answer.model_validate_json(text)
            break
        except ValidationError as e:
            logger.warning("answer is not valid{}", "" if last else ", asking again", model=model, errors=e.error_count())
            if last:
                return JSONResponse({"error": "bad_model_answer"}, 502)
    await db.write_silently("insert into question_audit (shipment_id, model, answer) values ($1, $2, $3)", row["id"], model, a.answer)
    return JSONResponse({"answer": a.answer})


async def cover_note(request):
    who(request)
    row, t = await shipment(request), time.perf_counter()
    parts = models.stream("cover-note@3", "Write the cover note. Plain text.", row["description"])
    first = await anext(parts)

    async def events():
        n = 1
        try:
            yield f"data: {json.dumps(first)}\n\n"
            async for p in parts:
                n += 1
                yield f"data: {json.dumps(p)}\n\n"
            await db.write("insert into cover_notes (shipment_id, parts) values ($1, $2)", row["id"], n)
            yield "data: [DONE]\n\n"
            logger.info("cover note sent", parts=n, elapsed_ms=round((time.perf_counter() - t) * 1000, 1))
        except (asyncio.CancelledError, GeneratorExit):
            logger.warning("client went away during cover note", parts=n)
            raise
        except Exception as e:
            logger.error("cover note incomplete: {}", type(e).__name__, parts=n)
        finally:
            await parts.aclose()
    return StreamingResponse(events(), media_type="text/event-stream")


async def read(request):
    who(request)
    row = await shipment(request)
    return JSONResponse({"id": row["id"], "state": row["state"], "category": row["category"], "insurance": round(1000 / row["value_eur"], 3)})


async def change(request):
    who(request)
    d = await body(request, state=str)
    await db.write("update shipments set state = $1 where id = $2", d["state"], request.path_params["id"])
    return JSONResponse({"id": request.path_params["id"]})


async def job(request):
    who(request)
    row = await db.row("select id, state, attempts from queue_jobs where id = $1", request.path_params["id"])
    if not row:
        raise HTTPException(404, "no such job")
    logger.info("job is {}", row["state"], job_id=row["id"])
    return JSONResponse(dict(row))


async def health(request):
    return JSONResponse({"ok": True})


async def refused(request, e):
    logger.warning("refused: {}", e.detail)
    return JSONResponse({"error": e.detail}, e.status_code)


async def unavailable(request, e):
    logger.error("no model available: {}", e)
    return JSONResponse({"error": "model_unavailable"}, e.status)


@contextlib.asynccontextmanager
async def lifespan(app):
    await db.connect()
    logger.info("tarifio api is up")
    yield {}

app = Starlette(lifespan=lifespan, middleware=[Middleware(RequestLog)], exception_handlers={HTTPException: refused, models.Unavailable: unavailable}, routes=[
    Route("/healthz", health),
    Route("/api/shipments", create, methods=["POST"]),
    Route("/api/shipments/{id:int}", read, methods=["GET"]),
    Route("/api/shipments/{id:int}", change, methods=["PATCH"]),
    Route("/api/shipments/{id:int}/screening", screen, methods=["POST"]),
    Route("/api/shipments/{id:int}/question", question, methods=["POST"]),
    Route("/api/shipments/{id:int}/cover-note", cover_note, methods=["POST"]),
    Route("/api/jobs/{id:int}", job)])


def main(asgi=app):
    uvicorn.run(asgi, host="127.0.0.1", port=9610, log_config=None, access_log=False, timeout_graceful_shutdown=2)


if __name__ == "__main__":
    main()
