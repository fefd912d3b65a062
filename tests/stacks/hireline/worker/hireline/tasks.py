import json
import os
import time
import httpx
import openai
from celery import Task
from celery.utils.log import get_task_logger
from pydantic import BaseModel, ValidationError
from . import db, llm
from .app import app

log = get_task_logger(__name__)
CRM = os.environ["CRM_URL"]


class Profile(BaseModel):
    name: str
    years: int
    skills: list[str]


class Base(Task):
    retry_backoff = 1
    retry_backoff_max = 8
    max_retries = 3

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        t = time.perf_counter()
        db.write("dead_tasks", "insert into dead_tasks (task_id, name, args, error) values (%s, %s, %s, %s)", (task_id, self.name, json.dumps(args), str(exc)))
        if self.name == "cv.parse":
            db.write("candidates", "update candidates set status = 'failed', task_id = %s where id = %s", (task_id, args[0]))
        log.error("giving up on %s after %d attempts, moved to dead_tasks (%.1f ms)", self.name, self.request.retries + 1, (time.perf_counter() - t) * 1e3)


def timed(table, sql, args, what, *a):
    t = time.perf_counter()
    n = db.write(table, sql, args)
    log.info(what + " (%d row, %.1f ms)", *a, n, (time.perf_counter() - t) * 1e3)


@app.task(bind=True, base=Base, name="cv.parse", autoretry_for=(llm.GatewayDown, llm.InvalidAnswer))
def parse(self, candidate_id, crm=False):
    cv, status = db.read("select cv, status from candidates where id = %s", (candidate_id,))[0]
    if status == "parsed":
        log.warning("candidate %s already parsed, skipping", candidate_id)
        return "skipped"
    profile = None
    for n in (1, 2):
        r = llm.chat([{"role": "user", "content": f"Extract the profile as JSON.\n{cv}"}], model="gpt-4.1-mini", response_format={"type": "json_object"},
                     headers={"X-Request-Id": self.request.id, "X-Prompt-Version": "cv-parse@7"})
        try:
            profile = Profile.model_validate_json(r.choices[0].message.content)
            break
        except ValidationError as e:
            log.warning("profile of candidate %s does not match the schema (%d errors)", candidate_id, e.error_count(), extra={"completion_id": r.id, "ask": n})
    if profile is None:
        raise llm.InvalidAnswer("no valid profile after 2 asks")
    timed("candidates", "update candidates set status = 'parsed', profile = %s, task_id = %s where id = %s", (profile.model_dump_json(), self.request.id, candidate_id),
          "profile of candidate %s saved", candidate_id)
    child = embed.delay(candidate_id)
    log.info("queued cv.embed %s", child.id)
    if crm:
        push.delay(candidate_id, parsed_by=self.request.id)
    return "parsed"


@app.task(bind=True, base=Base, name="cv.embed", autoretry_for=(openai.APIStatusError, openai.APIConnectionError), max_retries=2)
def embed(self, candidate_id):
    r = llm.embed(f"candidate {candidate_id}")
    log.info("embedded candidate %s with %s, %d tokens", candidate_id, r.model, r.usage.total_tokens)
    timed("embeddings", "insert into embeddings (candidate_id, v) values (%s, %s) on conflict (candidate_id) do update set v = excluded.v",
          (candidate_id, r.data[0].embedding), "embedding of candidate %s stored", candidate_id)


@app.task(bind=True, base=Base, name="crm.push", autoretry_for=(httpx.HTTPError,))
def push(self, candidate_id, parsed_by=None):
    log.info("pushing candidate %s to crm, parsed by %s", candidate_id, parsed_by)
    httpx.post(CRM, json={"candidate": candidate_id}, timeout=3).raise_for_status()


def search_candidates(skill):
    return [r[0] for r in db.read("select id from candidates where cv ilike %s and pg_sleep(random() * 0.05) is not null limit 5", (f"%{skill}%",))]


@app.task(bind=True, base=Base, name="match.shortlist", autoretry_for=(llm.GatewayDown,))
def shortlist(self, shortlist_id, requested_by=None):
    log.info("building shortlist %s for request %s", shortlist_id, requested_by)
    (skills,) = db.read("select skills from shortlists where id = %s", (shortlist_id,))[0]
    messages = [{"role": "user", "content": f"Find candidates with {skills}"}]
    tools = [{"type": "function", "function": {"name": "search_candidates", "parameters": {"type": "object", "properties": {"skill": {"type": "string"}}}}}]
    for turn in range(1, 4):
        r = llm.chat(messages, model="gpt-4.1", tools=tools, headers={"X-Prompt-Version": "shortlist@2"})
        m = r.choices[0].message
        log.info("turn %d answered by %s (%s)", turn, r.model, r.id)
        if not m.tool_calls:
            break
        messages.append(m.model_dump(exclude_none=True))
        for c in m.tool_calls:
            t = time.perf_counter()
            found = search_candidates(json.loads(c.function.arguments)["skill"])
            log.info("tool finished", extra={"tool": c.function.name, "tool_call_id": c.id, "found": len(found), "duration_ms": round((time.perf_counter() - t) * 1e3, 1)})
            messages.append({"role": "tool", "tool_call_id": c.id, "content": json.dumps(found)})
    timed("shortlists", "update shortlists set status = 'ready', result = %s, task_id = %s where id = %s", (m.content or "", self.request.id, shortlist_id), "shortlist %s ready", shortlist_id)
    return shortlist_id


@app.task(name="maintenance.sweep")
def sweep():
    n = db.read("select count(*) from candidates where status = 'new'")[0][0]
    log.info("sweep: %d candidates wait to be parsed", n)
