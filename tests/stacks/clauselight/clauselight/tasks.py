import logging, time
import dramatiq, httpx
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.middleware import CurrentMessage
from pydantic import BaseModel, ValidationError
from . import gateway, settings, store

log = logging.getLogger("clauselight.tasks")
broker = RabbitmqBroker(url=settings.AMQP_URL)
broker.add_middleware(CurrentMessage())
dramatiq.set_broker(broker)
http = httpx.Client(timeout=gateway.TIMEOUT)


class Review(BaseModel):
    risk: int
    clauses: list[str]
    summary: str


class SchemaMismatch(Exception):
    pass


def message():
    return CurrentMessage.get_current_message()


@dramatiq.actor(queue_name="reviews", max_retries=2, min_backoff=1200, max_backoff=6000, throws=(gateway.ContentFiltered,), on_retry_exhausted="review_abandoned", time_limit=40000)
def review_contract(contract_id, ref, webhook=None):
    m = message()
    attempt = m.options.get("retries", 0) + 1
    log.info("review started", extra={"contract_id": contract_id, "http_id": ref, "attempt": attempt})
    row = store.read("select body, status from contracts where id=%s", (contract_id,))[0]
    if row["status"] == "reviewed":
        log.warning("contract already reviewed, message skipped", extra={"contract_id": contract_id})
        return
    review = None
    for ask in (1, 2):
        r = gateway.generate_sync(http, "contract-review", "review@12", row["body"], m.message_id)
        try:
            review = Review.model_validate_json(r["text"])
            break
        except ValidationError as e:
            log.warning("model answer does not fit the schema", extra={"ask": ask, "model": r["model"], "gw_call": r["call"], "problems": e.error_count()})
    if review is None:
        raise SchemaMismatch(f"contract {contract_id}: no valid review after 2 answers")
    store.write("reviews", "insert into reviews(contract_id, risk, summary) values (%s,%s,%s) returning id", (contract_id, review.risk, review.summary))
    store.write("contracts", "update contracts set status='reviewed' where id=%s", (contract_id,))
    nxt = index_clauses.send(contract_id, review.clauses)
    summarize.send(contract_id, m.message_id)
    if webhook:
        store.add_job("deliver_webhook", {"contract": contract_id, "url": webhook, "requestedBy": m.message_id}, 3)
        log.info("webhook queued")
    log.info("review stored", extra={"contract_id": contract_id, "risk": review.risk, "model": r["model"], "next_message": nxt.message_id})


@dramatiq.actor(queue_name="reviews", max_retries=0)
def review_abandoned(msg, info):
    contract_id = msg["args"][0]
    store.write("contracts", "update contracts set status='failed' where id=%s", (contract_id,))
    log.error("review abandoned, message dead-lettered", extra={"original_message": msg["message_id"], "contract_id": contract_id, "retries": info["retries"]})


@dramatiq.actor(queue_name="index", max_retries=3, min_backoff=500)
def index_clauses(contract_id, clauses):
    for c in clauses:
        store.write("clauses", "insert into clauses(contract_id, text) values (%s,%s) returning id", (contract_id, c))
    log.info("indexed %d clauses of contract %s", len(clauses), contract_id)


@dramatiq.actor(queue_name="index", max_retries=2, min_backoff=800, max_backoff=3000)
def summarize(contract_id, parent):
    log.info("summary requested", extra={"parent_message": parent, "contract": contract_id})
    r = gateway.generate_sync(http, "summary", "sum@4", f"summary of {contract_id}", message().message_id)
    store.write("contracts", "update contracts set summary=%s where id=%s", (r["text"], contract_id))
    log.info("summary stored", extra={"model": r["model"], "tokens": r["input_tokens"] + r["output_tokens"], "finish": r["finish_reason"]})


@dramatiq.actor(queue_name="index", max_retries=0)
def sweep_stale():
    n = store.read("select count(*) as n from contracts where status='new' and created < now() - interval '1 hour'")[0]["n"]
    log.info("sweep finished", extra={"stale": n})
