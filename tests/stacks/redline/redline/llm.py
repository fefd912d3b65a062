"""Calls to the two model providers. The web app leans on the SDK's own retries, the workers on tenacity."""
import logging
import time

import openai
import tenacity

from . import config

log = logging.getLogger("redline.llm")

TRANSIENT = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError)     # a timeout is an APIConnectionError


class Filtered(Exception):
    """The provider's content filter cut the answer."""


class Provider:
    def __init__(self, name, url, model, retries, timeout):
        self.name, self.model = name, model
        self.client = openai.OpenAI(base_url=url, api_key="unused", max_retries=retries, timeout=timeout)

    def once(self, messages, prompt_version):
        """One call as the SDK sees it -> (text, facts to log)."""
        t = time.perf_counter()
        facts = {"provider": self.name, "model": self.model, "prompt_version": prompt_version}
        try:
            r = self.client.chat.completions.create(model=self.model, messages=messages, metadata={"prompt_version": prompt_version})
        except openai.APIError as e:
            facts.update(error=type(e).__name__, status=getattr(e, "status_code", None), provider_request_id=getattr(e, "request_id", None),
                         duration_ms=round((time.perf_counter() - t) * 1000, 1))
            e.facts = facts
            raise
        choice = r.choices[0]
        facts.update(response_id=r.id, provider_request_id=r._request_id, served_model=r.model, finish_reason=choice.finish_reason,
                     input_tokens=r.usage.prompt_tokens, output_tokens=r.usage.completion_tokens, duration_ms=round((time.perf_counter() - t) * 1000, 1))
        return choice.message.content, facts


def web_providers():
    return [Provider("openai", config.PRIMARY_URL, config.PRIMARY_MODEL, 1, 2.0), Provider("mistral", config.BACKUP_URL, config.BACKUP_MODEL, 1, 2.0)]


def worker_providers():
    return [Provider("openai", config.PRIMARY_URL, config.PRIMARY_MODEL, 0, 2.5), Provider("mistral", config.BACKUP_URL, config.BACKUP_MODEL, 0, 2.5)]


def patient(providers, messages, prompt_version):
    """For the workers: three tries with the first provider, two with the second."""
    for n, p in enumerate(providers):
        def call():
            try:
                text, facts = p.once(messages, prompt_version)
            except openai.APIError as e:
                log.warning("model call failed", extra=e.facts)
                raise
            log.info("model answered", extra=facts)
            if facts["finish_reason"] == "content_filter":
                raise Filtered(facts["response_id"])
            return text, facts
        try:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(TRANSIENT), stop=tenacity.stop_after_attempt(2 if n else 3), reraise=True,
                wait=tenacity.wait_exponential_jitter(initial=0.3, max=3, jitter=0.4), before_sleep=tenacity.before_sleep_log(log, logging.INFO))(call)
        except TRANSIENT as e:
            if n == len(providers) - 1:
                raise
            log.warning("switching from %s to %s after %s", p.model, providers[n + 1].model, type(e).__name__)
