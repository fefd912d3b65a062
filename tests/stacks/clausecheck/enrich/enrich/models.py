import json
import logging
import os
import time

import anthropic
import openai
from pydantic import BaseModel, ValidationError
from pydantic_ai import Agent, RunContext
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

from . import db

log = logging.getLogger("enrich.models")
EXTRACT_MODEL, BACKUP_MODEL, REVIEW_MODEL = "gpt-4.1", "claude-sonnet-4-5", "gpt-4.1"
PROMPT = "extract@12"
primary = openai.AsyncOpenAI(api_key=os.environ.get("OPENAI_API_KEY", "sk-local"), base_url=os.environ["OPENAI_BASE_URL"], timeout=4, max_retries=2)
backup = anthropic.AsyncAnthropic(api_key=os.environ.get("ANTHROPIC_API_KEY", "sk-local"), base_url=os.environ["ANTHROPIC_API_URL"], timeout=6, max_retries=1)


class Obligation(BaseModel):
    party: str
    duty: str
    due: str | None = None


class Extraction(BaseModel):
    obligations: list[Obligation]
    governing_law: str


class BadExtraction(Exception):
    """The model's answer was no extraction, twice."""


def _usage(model, provider, call_id, tin, tout, started):
    return {"gen_ai.system": provider, "gen_ai.request.model": model, "gen_ai.response.id": call_id, "gen_ai.usage.input_tokens": tin,
            "gen_ai.usage.output_tokens": tout, "prompt.version": PROMPT, "event.duration": time.perf_counter_ns() - started}


async def _ask(messages):
    started = time.perf_counter_ns()
    try:
        r = await primary.chat.completions.create(model=EXTRACT_MODEL, messages=messages, response_format={"type": "json_object"})
        log.info("extraction received", extra=_usage(EXTRACT_MODEL, "openai", r.id, r.usage.prompt_tokens, r.usage.completion_tokens, started))
        return r.choices[0].message.content
    except openai.BadRequestError:
        raise
    except openai.APIError as e:
        log.warning("%s failed with %s, trying %s", EXTRACT_MODEL, type(e).__name__, BACKUP_MODEL)
    started = time.perf_counter_ns()
    r = await backup.messages.create(model=BACKUP_MODEL, max_tokens=4000, system=messages[0]["content"], messages=messages[1:])
    log.info("extraction received", extra=_usage(BACKUP_MODEL, "anthropic", r.id, r.usage.input_tokens, r.usage.output_tokens, started))
    return r.content[0].text


async def extract(text: str) -> Extraction:
    messages = [{"role": "system", "content": "Extract all obligations as JSON."}, {"role": "user", "content": text}]
    for attempt in (1, 2):
        answer = await _ask(messages)
        try:
            return Extraction.model_validate_json(answer)
        except ValidationError as e:
            log.warning("extraction does not validate: %d errors, first at %s", e.error_count(), ".".join(map(str, e.errors()[0]["loc"])) or "root", extra={"extract.attempt": attempt})
            messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": "Not valid: " + json.dumps(e.errors(include_url=False, include_input=False), default=str)}]
    raise BadExtraction(f"no valid extraction after {attempt} answers")


class Verdict(BaseModel):
    verdict: str
    findings: list[str]


reviewer = Agent(
    FallbackModel(OpenAIChatModel(REVIEW_MODEL, provider=OpenAIProvider(openai_client=primary)), AnthropicModel(BACKUP_MODEL, provider=AnthropicProvider(anthropic_client=backup))),
    deps_type=int, output_type=Verdict, system_prompt="Review the contract against the playbook.", model_settings={"max_tokens": 4000}, retries=1)


@reviewer.tool
async def lookup_clause(ctx: RunContext[int], topic: str) -> str:
    """The clause of the contract on a topic."""
    return await _clause(ctx.deps, topic, ctx.tool_call_id)


@reviewer.tool
async def list_obligations(ctx: RunContext[int], party: str) -> str:
    """What a party has to do."""
    return await _obligations(ctx.deps, party, ctx.tool_call_id)


async def _clause(contract_id, topic, call_id):
    t = time.perf_counter_ns()
    row = await db.one("select substring(body for 200), pg_sleep(random() * 0.08) from contracts where id = %s and body is not null", contract_id)
    log.info("tool lookup_clause done", extra={"tool.name": "lookup_clause", "tool.call_id": call_id, "event.duration": time.perf_counter_ns() - t})
    return row[0] if row else "none"


async def _obligations(contract_id, party, call_id):
    t = time.perf_counter_ns()
    row = await db.one("select string_agg(duty, '; '), pg_sleep(random() * 0.05) from obligations where contract_id = %s", contract_id)
    log.info("tool list_obligations done", extra={"tool.name": "list_obligations", "tool.call_id": call_id, "event.duration": time.perf_counter_ns() - t})
    return row[0] or "none"
