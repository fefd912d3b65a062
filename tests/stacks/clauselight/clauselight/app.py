import asyncio, secrets, time
from contextlib import asynccontextmanager
from dataclasses import dataclass
import httpx, structlog
from litestar import Litestar, Request, get, post
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.response import Response, Stream
from structlog.contextvars import bind_contextvars, clear_contextvars
from . import app_logging, gateway, search, settings, store, tasks

app_logging.setup()
log = structlog.get_logger("clauselight.api")


class RequestLog:
    """Outermost ASGI layer: binds ids, one line at the begin and one at the end."""
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        h = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        clear_contextvars()
        bind_contextvars(req_ref=h.get("x-unique-id") or secrets.token_hex(8))
        if "x-user" in h:
            bind_contextvars(user_id=h["x-user"], session_id=h.get("x-session"))
        t, status = time.perf_counter(), None

        async def sent(m):
            nonlocal status
            if m["type"] == "http.response.start":
                status = m["status"]
            await send(m)
        if scope["path"] != "/healthz":
            log.info("request started", method=scope["method"], path=scope["path"])
        try:
            await self.app(scope, receive, sent)
        finally:
            log.info("request finished", method=scope["method"], path=scope["path"], status=status, duration_ms=round((time.perf_counter() - t) * 1000, 1))


def traced():
    t = secrets.token_hex(16)
    return t, {"traceparent": f"00-{t}-{secrets.token_hex(8)}-01"}


async def need_key(con: ASGIConnection, _: BaseRouteHandler) -> None:
    if con.headers.get("authorization", "").removeprefix("Bearer ") not in settings.API_KEYS:
        raise NotAuthorizedException("unknown API key")


@dataclass
class ContractIn:
    title: str
    text: str
    webhook: str | None = None


@dataclass
class AskIn:
    question: str


@dataclass
class CompareIn:
    left: int
    right: int


@dataclass
class ExportIn:
    contract: int
    format: str = "pdf"


@post("/v1/contracts", status_code=202)
async def post_contract(data: ContractIn, request: Request) -> dict:
    if not data.text.strip():
        raise HTTPException(status_code=422, detail="empty contract")
    n = await asyncio.to_thread(store.write, "contracts", "insert into contracts(title, body, status) values (%s,%s,'new') returning id", (data.title, data.text))
    m = await asyncio.to_thread(tasks.review_contract.send, n, structlog.contextvars.get_contextvars()["req_ref"], data.webhook)
    log.info("review queued", contract_id=n, message_id=m.message_id, queue="reviews")
    return {"contract": n, "review": m.message_id}


@post("/v1/ask", status_code=200)
async def ask(data: AskIn, request: Request) -> dict:
    hits = await search.search_clauses(data.question)
    trace, headers = traced()
    log.info("asking model", prompt="ask", prompt_version="ask@7", passages=len(hits), trace_id=trace)
    r = await gateway.generate(request.app.state.http, "ask", "ask@7", data.question, request.headers.get("x-user"), headers)
    log.info("model answered", model=r["model"], gw_call=r["call"], finish_reason=r["finish_reason"], tokens=r["input_tokens"] + r["output_tokens"])
    await asyncio.to_thread(store.write, "answers", "insert into answers(question, answer) values (%s,%s) returning id", (data.question, r["text"]))
    return {"answer": r["text"]}


@post("/v1/ask/stream", status_code=200)
async def ask_stream(data: AskIn, request: Request) -> Stream:
    user, http = request.headers.get("x-user"), request.app.state.http

    async def events():
        yield "event: status\ndata: searching\n\n"
        call = None
        try:
            hits = await search.search_clauses(data.question)
            yield f"event: status\ndata: reading {len(hits)} passages\n\n"
            trace, headers = traced()
            log.info("asking model", prompt="ask", prompt_version="ask@7", passages=len(hits), trace_id=trace, stream=True)
            call = asyncio.create_task(gateway.generate(http, "ask", "ask@7", data.question, user, headers))
            while not call.done():
                await asyncio.wait({call}, timeout=.2)
                if not call.done():
                    yield ": keep-alive\n\n"
            r = call.result()
            for word in r["text"].split()[:6]:
                yield f"data: {word}\n\n"
                await asyncio.sleep(.02)
            yield "event: done\ndata: {}\n\n"
            log.info("answer streamed", response_id=r["response_id"], finish_reason=r["finish_reason"])
            await asyncio.to_thread(store.write, "answers", "insert into answers(question, answer) values (%s,%s) returning id", (data.question, r["text"]))
        except (asyncio.CancelledError, GeneratorExit):
            log.warning("client went away, answer dropped")
            if call is not None:
                call.cancel()
            raise
    return Stream(events(), media_type="text/event-stream")


@post("/v1/compare", status_code=200)
async def compare(data: CompareIn, request: Request) -> dict:
    if data.left == data.right:
        raise HTTPException(status_code=400, detail="a contract cannot be compared with itself")
    trace, headers = traced()
    log.info("comparing contracts", left=data.left, right=data.right, prompt_version="compare@3", trace_id=trace)
    rs = await asyncio.gather(*(gateway.generate(request.app.state.http, "compare", "compare@3", f"contract {n}", request.headers.get("x-user"), headers) for n in (data.left, data.right)))
    log.info("compared", calls=[r["call"] for r in rs], models=[r["model"] for r in rs])
    return {"sides": [r["text"] for r in rs]}


@post("/v1/exports", status_code=202)
async def post_export(data: ExportIn, request: Request) -> dict:
    n = await asyncio.to_thread(store.write, "exports", "insert into exports(contract_id, format, status) values (%s,%s,'new') returning id", (data.contract, data.format))
    job = await asyncio.to_thread(store.add_job, "render_export", {"export": n, "contract": data.contract, "format": data.format, "origin": structlog.contextvars.get_contextvars()["req_ref"]}, 3)
    log.info("export queued", export_id=n, job_id=job)
    return {"export": n, "job": job}


@get("/v1/contracts/{contract_id:int}")
async def get_contract(contract_id: int) -> dict:
    rows = await asyncio.to_thread(store.read, "select id, title, status, summary from contracts where id=%s", (contract_id,))
    if not rows:
        raise NotFoundException(f"no contract {contract_id}")
    row = rows[0]
    log.info("contract read", contract_id=contract_id, state=row["status"])
    return {**row, "counterparty": row["title"].split(" / ")[1]}


@get("/v1/reviews/{message_id:str}")
async def get_review(message_id: str) -> dict:
    log.info("review status asked", message_id=message_id)
    return {"review": message_id, "state": "unknown"}


@get("/v1/exports/{job:int}")
async def get_export(job: int) -> dict:
    rows = await asyncio.to_thread(store.read, "select status from exports where job=%s", (job,))
    log.info("export status asked", job_id=job, found=bool(rows))
    return {"job": job, "status": rows[0]["status"] if rows else "pending"}


@get("/healthz")
async def healthz() -> dict:
    return {"ok": True}


def on_http_error(request: Request, exc: HTTPException) -> Response:
    log.warning("request refused", status=exc.status_code, reason=exc.detail)
    return Response({"error": exc.detail}, status_code=exc.status_code)


def on_gateway_error(request: Request, exc: gateway.GatewayError) -> Response:
    log.error("model gateway failed", gateway_status=exc.status, code=exc.code)
    return Response({"error": exc.code}, status_code=422 if exc.status == 422 else 504 if exc.status == 504 else 502)


def on_error(request: Request, exc: Exception) -> Response:
    log.error("unhandled error", exc_info=exc)
    return Response({"error": "internal"}, status_code=500)


@asynccontextmanager
async def lifespan(app: Litestar):
    async with httpx.AsyncClient(timeout=gateway.TIMEOUT) as c:
        app.state.http = c
        await asyncio.to_thread(store.pool)
        yield

keyed = dict(guards=[need_key])
from litestar import Router  # noqa: E402
api = Litestar(
    route_handlers=[Router("/", route_handlers=[post_contract, ask, ask_stream, compare, post_export, get_contract, get_review, get_export], **keyed), healthz],
    exception_handlers={HTTPException: on_http_error, gateway.GatewayError: on_gateway_error, Exception: on_error},
    lifespan=[lifespan], logging_config=None, openapi_config=None)
app = RequestLog(api)
