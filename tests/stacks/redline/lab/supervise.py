"""Keeps two workers alive, and kills one with SIGKILL when the plan asks for it."""
import json
import os
import signal
import subprocess
import sys
import time

import redis

from .side import emit

lab = redis.Redis.from_url(os.environ["REDLINE_REDIS"][:-1] + "5", decode_responses=True)


def start(slot):
    return subprocess.Popen([sys.executable, "-P", "-m", "lab.worker"] + (["--periodic"] if slot == 0 else []), env={**os.environ, "REDLINE_WORKER": f"worker-{slot}"})


procs, stopping = {s: start(s) for s in (0, 1)}, []
signal.signal(signal.SIGTERM, lambda *a: stopping.append(1))
while not stopping:
    order = lab.lpop("kill")
    if order:
        pid = json.loads(order)["pid"]
        time.sleep(.12)
        t = time.time_ns()
        try:
            os.kill(pid, signal.SIGKILL)
            emit("kill", victim=pid, t=t)
        except ProcessLookupError:
            pass
    for slot, p in procs.items():
        if p.poll() is not None:
            time.sleep(1.5)
            procs[slot] = start(slot)
    time.sleep(.02)
for p in procs.values():
    p.send_signal(signal.SIGINT)
for p in procs.values():
    p.wait(20)
