import asyncio, logging, secrets, uuid
import aiohttp
from aiohttp import web
from arq import create_pool
from arq.connections import RedisSettings
from arq.jobs import Job
from . import gwclient, logs, store

log = logging.getLogger("ledgerly.api")
REDIS = RedisSettings(port=6399)


@web.middleware
async def request_context(request, handler):
    logs.rid_var.set(request.headers.get("X-Request-ID") or str(uuid.uuid4()))
    request["traceparent"] = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    try:
        return await handler(request)
    except gwclient.GatewayError as e:
        log.error("model gateway failed", extra={"gateway_status": e.status, "code": e.code})
        status = 422 if e.status == 422 else 504 if e.status == 504 else 502
        return web.json_response({"error": e.code}, status=status)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("unhandled error")
        return web.json_response({"error": "internal"}, status=500)


def gw_headers(request):
    return {"X-Correlation-Id": logs.rid_var.get(), "traceparent": request["traceparent"]}


async def post_receipt(request):
    body = await request.json()
    if not body.get("text"):
        log.warning("receipt refused: no text")
        return web.json_response({"error": "text missing"}, status=422)
    rid = await asyncio.to_thread(store.write, "receipts", "insert into receipts(vendor, raw, status) values (?,?,'new')", (body.get("vendor"), body["text"]))
    job = await request.app["queue"].enqueue_job("extract_receipt", rid)
    log.info("receipt queued", extra={"receipt_id": rid, "job_id": job.job_id, "queue": "arq:queue"})
    return web.json_response({"receipt": rid, "job": job.job_id}, status=202)


async def chat(request):
    body = await request.json()
    if not body.get("question"):
        return web.json_response({"error": "question missing"}, status=400)
    log.info("chat question", extra={"chars": len(body["question"]), "trace_id": request["traceparent"].split("-")[1]})
    r = await gwclient.complete(request.app["http"], "ledger-chat", "v4", body["question"], gw_headers(request))
    n = await asyncio.to_thread(store.write, "chats", "insert into chats(question, answer) values (?,?)", (body["question"], r["output"]))
    log.info("chat answered", extra={"chat_id": n, "model": r["model"], "completion_id": r["completionId"]})
    return web.json_response({"answer": r["output"]})


async def categorize(request):
    body = await request.json()
    log.info("categorizing %d vendors", len(body["vendors"]))
    rs = await asyncio.gather(*(gwclient.complete(request.app["http"], "categorize", "v2", v, gw_headers(request)) for v in body["vendors"]))
    log.info("categorized", extra={"models": [r["model"] for r in rs]})
    return web.json_response({"categories": [r["output"] for r in rs]})


async def get_receipt(request):
    n = int(request.match_info["id"])
    row = await asyncio.to_thread(store.read, "select * from receipts where id=?", (n,))
    if row is None:
        log.info("no such receipt", extra={"receipt_id": n})
        return web.json_response({"error": "not found"}, status=404)
    if body_vendor_broken(row):
        raise KeyError("currency")
    log.info("receipt read", extra={"receipt_id": n, "status": row["status"]})
    return web.json_response(dict(row))


def body_vendor_broken(row):
    return row["vendor"] == "Kiosk"


async def get_job(request):
    job = Job(request.match_info["id"], request.app["queue"])
    status = await job.status()
    log.info("job status", extra={"job_id": job.job_id, "job_status": status.value})
    return web.json_response({"status": status.value})


async def healthz(request):
    return web.json_response({"ok": True})


async def startup(app):
    app["http"] = aiohttp.ClientSession()
    app["queue"] = await create_pool(REDIS)
    yield
    await app["http"].close()


def make_app():
    store.init()
    app = web.Application(middlewares=[request_context])
    app.cleanup_ctx.append(startup)
    app.add_routes([web.post("/receipts", post_receipt), web.post("/chat", chat), web.post("/categorize", categorize),
                    web.get("/receipts/{id:\\d+}", get_receipt), web.get("/jobs/{id}", get_job), web.get("/healthz", healthz)])
    return app


def main():
    logs.setup(logs.AppFormatter())
    web.run_app(make_app(), host="127.0.0.1", port=8610, access_log_format='%a "%r" %s %b %Tf %{X-Request-ID}i', print=None)
