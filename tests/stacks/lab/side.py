"""The side channel: one JSON object a line, straight to disk, one file a process. Never read by the product."""
import json
import os
import threading
import time

DIR = os.environ["LAB_DIR"]
_files = {}


def emit(ev, **fields):
    pid = os.getpid()                                   # forked processes get a file of their own
    if pid not in _files:
        _files[pid] = os.open(os.path.join(DIR, f"side-{pid}.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    fields.setdefault("t", time.time_ns())
    os.write(_files[pid], (json.dumps({"ev": ev, "pid": pid, "thread": threading.get_ident(), **fields}) + "\n").encode())
