"""A stand-in model provider that speaks enough of the OpenAI protocol. What it answers is written in the last user message:
`lab:<key> A=429,ok B=ok`: the n-th call of <key> at provider A plays the n-th word, the last word for ever."""
import collections
import http.server
import json
import random
import re
import secrets
import sys
import threading
import time

from . import side

NAME, PORT = sys.argv[1], int(sys.argv[2])
calls, lock = collections.Counter(), threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *a):
        pass

    def do_POST(self):
        t = time.time_ns()
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        m = re.search(r"lab:(\S+) A=(\S+) B=(\S+)", body["messages"][-1]["content"])
        key, words = m[1], (m[2] if NAME == "A" else m[3]).split(",")
        with lock:
            n = calls[key]
            calls[key] += 1
        word = words[min(n, len(words) - 1)]
        side.emit("provider", key=key, name=NAME, n=n, word=word, t=t)
        rid = "req_" + secrets.token_hex(16) if NAME == "A" else secrets.token_hex(8)
        if word == "hang":
            time.sleep(5)
            self.close_connection = True
            return
        if word in ("429", "500", "503"):
            time.sleep(random.uniform(.01, .06))
            kind = {"429": "rate_limit_exceeded", "500": "server_error", "503": "overloaded"}[word]
            return self.answer(int(word), {"error": {"message": "The server said no.", "type": kind, "code": kind}}, rid)
        time.sleep(random.uniform(1.3, 1.7) if word == "slow" else min(1.4, random.lognormvariate(-1.1, .5)))
        text = "The parties agree on the usual terms."
        if "extract" in (body.get("metadata") or {}).get("prompt_version", ""):
            fields = {"party_a": "Northwind Ltd", "party_b": "Contoso GmbH", "term_months": 24, "governing_law": "England"}
            if word == "badshape":
                fields.pop("governing_law")
                fields["term_months"] = "two years"
            text = "Here are the fields you asked for." if word == "badjson" else json.dumps(fields)
        ident = "chatcmpl-" + secrets.token_urlsafe(21).replace("-", "x").replace("_", "y") if NAME == "A" else secrets.token_hex(16)
        self.answer(200, {
            "id": ident, "object": "chat.completion", "created": int(time.time()), "model": body["model"] + ("-2025-04-14" if NAME == "A" else ""),
            "choices": [{"index": 0, "finish_reason": "content_filter" if word == "filter" else "stop", "message": {"role": "assistant", "content": "" if word == "filter" else text}}],
            "usage": {"prompt_tokens": random.randint(300, 4000), "completion_tokens": random.randint(20, 400), "total_tokens": 0}}, rid)

    def answer(self, status, doc, rid):
        raw = json.dumps(doc).encode()
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.send_header("x-request-id", rid)
            self.end_headers()
            self.wfile.write(raw)
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *a):                          # a client that gave up
        pass


Server(("127.0.0.1", PORT), Handler).serve_forever()
