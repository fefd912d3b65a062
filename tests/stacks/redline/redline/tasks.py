"""Background work. The id of the request that caused it arrives as `correlation`."""
import json
import logging
import time

import pydantic
from huey import RedisHuey, crontab
from huey.signals import SIGNAL_ERROR

from . import config, db, llm

huey = RedisHuey("redline", url=config.REDIS_URL, results=False, blocking=True, read_timeout=1)
log = logging.getLogger("redline.tasks")
providers = llm.worker_providers()


class Fields(pydantic.BaseModel):
    party_a: str
    party_b: str
    term_months: int
    governing_law: str


def enqueue(task):
    """Writes the job row, then hands the task to the queue."""
    with db.write("jobs") as con:
        con.execute("INSERT INTO jobs (id, kind, args, status) VALUES (?, ?, ?, 'queued')", (task.id, task.name, json.dumps(task.kwargs)))
    huey.enqueue(task)
    return task.id


class Bound(logging.LoggerAdapter):
    """Adds the ids to whatever else a line says."""

    def process(self, msg, kwargs):
        kwargs["extra"] = {**self.extra, **kwargs.get("extra", {})}
        return msg, kwargs


def bound(task, correlation):
    return Bound(log, {"correlation": correlation, "task_id": task.id})


def claim(task, out):
    row = db.one("SELECT status FROM jobs WHERE id = ?", task.id)
    if row and row["status"] == "done":
        out.warning("job is already done, skipping")
        return False
    with db.write("jobs") as con:
        con.execute("UPDATE jobs SET status = 'running', worker = ?, attempts = attempts + 1 WHERE id = ?", (config.WORKER_NAME, task.id))
    return True


def finish(task, status="done"):
    with db.write("jobs") as con:
        con.execute("UPDATE jobs SET status = ? WHERE id = ?", (status, task.id))


@huey.task(retries=2, retry_delay=2, context=True)
def summarise(document_id, focus, correlation, task=None):
    out = bound(task, correlation)
    if not claim(task, out):
        return "skipped"
    doc = db.one("SELECT * FROM documents WHERE id = ?", document_id)
    out.info("summarising document %s (%s pages)", document_id, doc["pages"])
    try:
        text, facts = llm.patient(providers, [{"role": "system", "content": "Summarise the contract."}, {"role": "user", "content": doc["body"] + "\n" + focus}], "summary@3")
    except llm.Filtered:
        finish(task, "failed")
        out.error("answer was filtered, giving up on this document")
        return "filtered"
    with db.write("summaries") as con:
        con.execute("INSERT INTO summaries (document_id, model, body) VALUES (?, ?, ?)", (document_id, facts["model"], text))
    log.info("summary of document %s saved for request %s", document_id, correlation)
    finish(task)
    return "ok"


@huey.task(retries=2, retry_delay=1, context=True)
def extract(document_id, hints, correlation, task=None):
    out = bound(task, correlation)
    if not claim(task, out):
        return "skipped"
    doc = db.one("SELECT * FROM documents WHERE id = ?", document_id)
    out.info("extracting fields from document %s", document_id)
    messages = [{"role": "system", "content": "Answer with JSON."}, {"role": "user", "content": doc["body"] + "\n" + hints}]
    for attempt in (1, 2, 3):
        text, facts = llm.patient(providers, messages, "extract@11")
        try:
            fields = Fields.model_validate_json(text)
            break
        except pydantic.ValidationError as e:
            log.warning("answer does not fit the schema", extra={"response_id": facts["response_id"], "attempt": attempt, "problems": [x["type"] for x in e.errors()]})
            if attempt == 3:
                raise ValueError("no valid answer after 3 attempts") from None
            time.sleep(0.25)
    with db.write("fields") as con:
        con.executemany("INSERT INTO fields (document_id, name, value) VALUES (?, ?, ?)", [(document_id, k, str(v)) for k, v in fields])
    for follow_up in (index_fields, notify_owner):
        child = follow_up.s(document_id=document_id, correlation=correlation)
        enqueue(child)
        out.info("follow-up queued", extra={"follow_up": child.name, "follow_up_id": child.id})
    finish(task)
    return "ok"


@huey.task(retries=1, retry_delay=1, context=True)
def index_fields(document_id, correlation, task=None):
    out = bound(task, correlation)
    if not claim(task, out):
        return "skipped"
    rows = db.connect().execute("SELECT name, value FROM fields WHERE document_id = ?", (document_id,)).fetchall()
    with db.write("field_index") as con:
        con.executemany("INSERT INTO field_index VALUES (?, ?)", [(document_id, w) for r in rows for w in r["value"].lower().split()])
    log.info("indexed %d fields", len(rows))
    finish(task)
    return "ok"


@huey.task(retries=2, retry_delay=1, context=True)
def notify_owner(document_id, correlation, task=None):
    out = bound(task, correlation)
    if not claim(task, out):
        return "skipped"
    to = db.one("SELECT owner_email FROM documents WHERE id = ?", document_id)["owner_email"]
    if not to or "@" not in to:
        raise ValueError(f"document {document_id} has no owner to notify")
    with db.write("notices") as con:
        con.execute("INSERT INTO notices (document_id, recipient) VALUES (?, ?)", (document_id, to))
    out.info("owner notified")
    finish(task)
    return "ok"


@huey.periodic_task(crontab(minute="*"))
def purge_notices():
    log.info("purged %d old notices", 0)


@huey.signal(SIGNAL_ERROR)
def on_error(signal, task, exc=None):
    """Huey says SIGNAL_ERROR for each failed attempt; the last one has no retries left."""
    if task.retries:
        return finish(task, "retrying")
    with db.write("dead_letters") as con:
        con.execute("INSERT INTO dead_letters VALUES (?, ?)", (task.id, str(exc)[:200]))
        con.execute("UPDATE jobs SET status = 'dead' WHERE id = ?", (task.id,))
    log.error("job moved to dead letters", extra={"task_id": task.id, "kind": task.name, "reason": type(exc).__name__})


def requeue_interrupted():
    """At start: whatever this worker was busy with when it died goes back to the queue under its old id."""
    for row in db.connect().execute("SELECT * FROM jobs WHERE status = 'running' AND worker = ?", (config.WORKER_NAME,)).fetchall():
        task = globals()[row["kind"]].s(**json.loads(row["args"]))
        task.id = row["id"]
        log.warning("requeueing interrupted job", extra={"task_id": task.id, "kind": row["kind"]})
        huey.enqueue(task)
