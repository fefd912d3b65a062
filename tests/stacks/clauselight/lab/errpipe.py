import json, os, sys
log = os.open(os.environ["LOG_DIR"] + "/apache-error.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
side = os.open(os.environ["LAB_DIR"] + "/side-apache-error.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
import time
for line in sys.stdin:
    key, sep, text = line.partition("|~|")
    if not sep:
        key, text = "-", line
    key = None if key.strip() in ("-", "") else key.strip()
    os.write(side, (json.dumps({"ev": "line", "t": time.time_ns(), "pid": os.getpid(), "file": "apache-error.log", "off": os.fstat(log).st_size, "key": key}) + "\n").encode())
    os.write(log, text.encode())
