"""How a plan of requests is played: each at its time, beside probes, with one worker killed shortly after the last of those that it is to lose."""
import asyncio
import os
import secrets
import socket
import struct
import time

import aiohttp

from .side import emit


def resets(info):
    """A socket whose close is a reset, as of a client that is gone."""
    sock = socket.socket(info[0], info[1], info[2])
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return sock


async def probe(s, url, agent):
    """One health check that nothing is noted of."""
    try:
        async with s.get(url, headers={"User-Agent": agent}) as r:
            await r.read()
    except Exception:
        pass


async def noted_probes(s, targets):
    """Health checks of (port, path, via) every ten seconds, noted as requests of the play."""
    while True:
        for port, path, via in targets:
            key, t, st, rid = "k" + secrets.token_hex(8), time.time_ns(), None, None
            try:
                async with s.get(f"http://127.0.0.1:{port}{path}", headers={"User-Agent": "kube-probe/1.31", "x-lab-key": key, "X-Forwarded-For": "10.0.3.7"}) as r:
                    await r.read()
                    st, rid = r.status, r.headers.get("X-Request-ID")
            except Exception as e:
                print("probe", e)
            emit("client", key=key, scenario="health", name="GET " + path, start=t, end=time.time_ns(), status=st, rid=rid, aborted=False, broken=False, via=via)
        await asyncio.sleep(10)


async def play(plan, one, probes, crash, kill_after, patience=45, **connections):
    """Plays (second, (name, ...)) by `one(session, session of clients that leave, name, ...)`; `crash` names the requests that the killed worker is to hold."""
    plan.sort()
    last = max(at for at, a in plan if a[0] == crash)
    tmo = aiohttp.ClientTimeout(total=patience)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=200, **connections), timeout=tmo) as s, \
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50, force_close=True, socket_factory=resets), timeout=tmo) as leaver:
        beside = asyncio.create_task(probes(s))
        t0, ts, killed = time.monotonic(), [], False
        for at, args in plan:
            await asyncio.sleep(max(0, t0 + at - time.monotonic()))
            ts.append(asyncio.create_task(one(s, leaver, *args)))
            if not killed and at >= last:
                killed = True
                asyncio.get_running_loop().call_later(kill_after, lambda: open(os.path.join(os.environ["LAB_DIR"], "kill-now"), "w").close())
        await asyncio.gather(*ts)
        beside.cancel()
        print(len(plan), "requests")
