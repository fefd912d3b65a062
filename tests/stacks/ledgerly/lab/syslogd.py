"""Receives HAProxy's datagrams, writes haproxy.log; the tail after @@ (owner) is kept beside, never in the log."""
import os, socket
from .side import emit
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind(("127.0.0.1", 5514))
f = open(os.path.join(os.environ["LOG_DIR"], "haproxy.log"), "ab", buffering=0)
n = 0
while True:
    d = s.recv(8192).decode().rstrip("\n")
    n += 1
    parts = d.split("@@")
    f.write((parts[0] + "\n").encode())
    if len(parts) == 4:
        emit("edge", n=n, key=None if parts[1] == "-" else parts[1] or None, at=parts[2], ta=parts[3])
