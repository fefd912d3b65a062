"""Client of the in-house model gateway, shared by API and worker."""
import asyncio, logging, time
import aiohttp

log = logging.getLogger("gwclient")
URL = "http://127.0.0.1:8620/v1/complete"


class GatewayError(Exception):
    def __init__(self, status, code):
        super().__init__(f"gateway said {status} {code}")
        self.status, self.code = status, code


async def complete(session, prompt, version, text, headers):
    t = time.monotonic()
    try:
        async with session.post(URL, json={"prompt": prompt, "promptVersion": version, "input": text}, headers=headers, timeout=aiohttp.ClientTimeout(total=6)) as r:
            body = await r.json()
            log.info("gateway call %s: %s in %.3fs", r.headers.get("X-Call-Number"), r.status, time.monotonic() - t)
            if r.status != 200:
                raise GatewayError(r.status, body.get("error"))
            return body
    except asyncio.TimeoutError:
        log.warning("gateway did not answer within 6s")
        raise GatewayError(504, "gateway_timeout")
