"""The web app."""
import time

import openai
import shortuuid
import structlog
from flask import Flask, g, jsonify, request
from werkzeug.exceptions import HTTPException

from . import config, db, llm, logs, tasks

logs.configure_web()
log = structlog.get_logger("redline.web")
app = Flask("redline")
providers = llm.web_providers()


@app.before_request
def start():
    g.t0 = time.perf_counter()
    request.environ["redline.request_id"] = g.request_id = shortuuid.uuid()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    parts = request.headers.get("traceparent", "").split("-")
    if len(parts) == 4:
        structlog.contextvars.bind_contextvars(trace_id=parts[1])
    log.info("request.started", method=request.method, path=request.path)
    if request.path != "/healthz" and request.headers.get("Authorization") != "Bearer " + config.API_TOKEN:
        return problem(401, "missing or wrong token")


@app.after_request
def finish(response):
    log.info("request.finished", method=request.method, path=request.path, status=response.status_code, duration_ms=round((time.perf_counter() - g.t0) * 1000, 2))
    return response


@app.errorhandler(Exception)
def broken(e):
    if isinstance(e, HTTPException):
        return problem(e.code, e.name)
    log.exception("request.failed")
    return jsonify(error="internal error"), 500


def problem(status, why):
    log.warning("request.rejected", status=status, reason=why)
    return jsonify(error=why), status


def document_of(body):
    return db.one("SELECT * FROM documents WHERE id = ?", body.get("document_id"))


@app.get("/healthz")
def healthz():
    return jsonify(ok=True)


@app.get("/documents/<int:document_id>")
def read(document_id):
    doc = db.one("SELECT id, title, pages FROM documents WHERE id = ?", document_id)
    return jsonify(dict(doc)) if doc else problem(404, "no such document")


@app.post("/documents/<int:document_id>/summary")
def summary(document_id):
    if not db.one("SELECT 1 FROM documents WHERE id = ?", document_id):
        return problem(404, "no such document")
    body = request.get_json(silent=True) or {}
    job = tasks.enqueue(tasks.summarise.s(document_id=document_id, focus=body.get("focus", ""), correlation=g.request_id))
    log.info("job.enqueued", kind="summarise", job_id=job, document_id=document_id)
    return jsonify(job_id=job), 202


@app.post("/extract")
def extract():
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("document_id"), int):
        return problem(422, "document_id is required")
    if not document_of(body):
        return problem(404, "no such document")
    job = tasks.enqueue(tasks.extract.s(document_id=body["document_id"], hints=body.get("hints", ""), correlation=g.request_id))
    log.info("job.enqueued", kind="extract", job_id=job, document_id=body["document_id"])
    return jsonify(job_id=job), 202


@app.get("/jobs/<job_id>")
def job(job_id):
    row = db.one("SELECT * FROM jobs WHERE id = ?", job_id)
    if not row:
        return problem(404, "no such job")
    log.info("job.status", job_id=job_id, kind=row["kind"], job_status=row["status"], attempts=row["attempts"])
    return jsonify(job_id=job_id, status=row["status"])


@app.post("/ask")
def ask():
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not body.get("question"):
        return problem(422, "question is required")
    doc = document_of(body)
    if not doc:
        return problem(404, "no such document")
    size = 400 + doc["pages"] * 60                     # documents without a page count break here
    log.info("ask.started", document_id=doc["id"], context_chars=size)
    messages = [{"role": "system", "content": "Answer from the contract."}, {"role": "user", "content": doc["body"][:size] + "\n" + body["question"]}]
    failure = None
    for n, p in enumerate(providers):
        try:
            text, facts = p.once(messages, "ask@4")
        except llm.TRANSIENT as e:
            log.warning("llm.failed", **e.facts)
            failure = e
            if n + 1 < len(providers):
                log.warning("llm.fallback", fallback_from=p.model, fallback_to=providers[n + 1].model)
            continue
        log.info("llm.answered", **facts)
        if facts["finish_reason"] == "content_filter":
            return problem(422, "the answer was filtered")
        with db.write("questions") as con:
            con.execute("INSERT INTO questions (document_id, model, tokens) VALUES (?, ?, ?)", (doc["id"], facts["model"], facts["output_tokens"]))
        return jsonify(answer=text, model=facts["model"])
    timed_out = isinstance(failure, openai.APITimeoutError)
    log.error("ask.failed", error=type(failure).__name__)
    return jsonify(error="the model did not answer"), 504 if timed_out else 502
