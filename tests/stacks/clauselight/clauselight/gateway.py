"""Clients of the model gateway: async for the API, plain for the workers."""
import asyncio, logging, time
import httpx
from . import settings

TIMEOUT = httpx.Timeout(7.0, connect=1.0)


class GatewayError(Exception):
    def __init__(self, status, code):
        super().__init__(f"model gateway answered {status} ({code})")
        self.status, self.code = status, code


class ContentFiltered(GatewayError):
    pass


def _result(r):
    body = r.json()
    if r.status_code == 200:
        return {**body, "call": int(r.headers["x-gateway-call"])}
    raise (ContentFiltered if r.status_code == 422 else GatewayError)(r.status_code, body.get("code"))


def _body(prompt, version, text, user=None):
    return {"prompt": prompt, "prompt_version": version, "input": text, "user": user}


async def generate(client: httpx.AsyncClient, prompt, version, text, user, headers):
    try:
        return _result(await client.post(settings.GATEWAY_URL, json=_body(prompt, version, text, user), headers=headers))
    except httpx.TimeoutException:
        raise GatewayError(504, "gateway_timeout") from None


def generate_sync(client: httpx.Client, prompt, version, text, message_id):
    log, t = logging.getLogger("clauselight.gateway"), time.perf_counter()
    try:
        r = client.post(settings.GATEWAY_URL, json=_body(prompt, version, text), headers={"x-message-id": message_id})
    except httpx.TimeoutException:
        log.warning("gateway did not answer in time")
        raise GatewayError(504, "gateway_timeout") from None
    log.info("gateway call %s answered %s after %d ms", r.headers.get("x-gateway-call"), r.status_code, (time.perf_counter() - t) * 1000)
    return _result(r)
