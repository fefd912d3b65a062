"""What comes after an extraction: embeddings for search, digests to customers."""
import logging
import os

import httpx
import openai
from procrastinate import App, PsycopgConnector, RetryStrategy

log = logging.getLogger("clausecheck.jobs")
app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE_URL"], min_size=2, max_size=8))
EMBED_MODEL = "text-embedding-3-small"


def client():
    return openai.AsyncOpenAI(api_key=os.environ.get("OPENAI_API_KEY", "sk-local"), base_url=os.environ["OPENAI_BASE_URL"], timeout=4, max_retries=2)


async def write_many(table, sql, rows):
    for r in rows:
        await app.connector.execute_query_async(sql, **r)


async def write(table, sql, **args):
    await app.connector.execute_query_async(sql, **args)


@app.task(queue="index", name="index_contract", retry=RetryStrategy(max_attempts=3, exponential_wait=2))
async def index_contract(contract_id: int, request_id: str):
    row = await app.connector.execute_query_one_async("select length(body) as n from contracts where id = %(id)s", id=contract_id)
    async with client() as c:
        r = await c.embeddings.create(model=EMBED_MODEL, input=["chunk"] * max(1, row["n"] // 800), encoding_format="float")
    log.info("embedded contract %s: %s chunks", contract_id, len(r.data), extra={"model": EMBED_MODEL, "tokens": r.usage.total_tokens, "request_id": request_id})
    await write_many("chunks", "insert into chunks (contract_id, n, embedding) values (%(c)s, %(n)s, %(e)s)", [{"c": contract_id, "n": d.index, "e": d.embedding} for d in r.data])
    await write("contracts", "update contracts set status = 'indexed' where id = %(id)s", id=contract_id)


@app.task(queue="mail", name="send_digest", retry=RetryStrategy(max_attempts=4, exponential_wait=2))
async def send_digest(contract_id: int, obligations: int, request_id: str):
    async with httpx.AsyncClient(timeout=5) as c:
        r = await c.post(os.environ["MAILER_URL"], json={"template": "digest", "contract": contract_id, "obligations": obligations})
    if r.status_code >= 400:
        log.warning("mailer refused the digest for request %s: %s", request_id, r.status_code)
        r.raise_for_status()
    await write("digests", "insert into digests (contract_id) values (%(id)s)", id=contract_id)
    log.info("digest sent for request %s", request_id)


@app.periodic(cron="* * * * *")
@app.task(queue="maintenance", name="prune_digests", pass_context=False)
async def prune_digests(timestamp: int):
    await app.connector.execute_query_async("delete from digests where sent_at < now() - interval '90 days'")
    log.info("old digests pruned")
