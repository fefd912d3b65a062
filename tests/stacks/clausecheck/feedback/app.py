"""Thumbs up and down of the help centre. Nothing to do with contracts but the machine."""
import json
import logging
import os
import sqlite3
import sys
import time
import uuid

import tornado.ioloop
import tornado.web
from loguru import logger



class InterceptHandler(logging.Handler):
    def emit(self, record):
        logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())


logging.basicConfig(handlers=[InterceptHandler()], level=logging.INFO)
logger.remove()
logger.add(sys.stdout, serialize=True, level="INFO", backtrace=False, diagnose=False)
db = sqlite3.connect(os.environ["FEEDBACK_DB"], isolation_level=None)
db.execute("create table if not exists votes (page text, vote int, at real)")


class Base(tornado.web.RequestHandler):
    def prepare(self):
        self.rid = str(uuid.uuid4())
        self.set_header("X-Request-Id", self.rid)
        self.log = logger.bind(rid=self.rid)

    def write_error(self, status_code, **kw):
        self.finish({"error": self._reason})


class Votes(Base):
    def post(self):
        d = json.loads(self.request.body)
        if d.get("vote") not in (1, -1):
            self.log.warning("vote out of range for page {}", d.get("page"))
            raise tornado.web.HTTPError(400)
        save(d["page"], d["vote"])
        self.log.info("vote {} for page {} saved", d["vote"], d["page"])
        self.set_status(201)
        self.finish({})

    def get(self):
        page = self.get_argument("page")
        up, n = db.execute("select coalesce(sum(vote > 0), 0), count(*) from votes where page = ?", (page,)).fetchone()
        if not n:
            raise tornado.web.HTTPError(404)
        self.finish({"up": up, "votes": n})


def save(page, vote):
    db.execute("insert into votes values (?, ?, ?)", (page, vote, time.time()))


def access(handler):
    log = getattr(handler, "log", logger)
    log.log("INFO" if handler.get_status() < 500 else "ERROR", "{} {} -> {} ({:.1f} ms)", handler.request.method, handler.request.uri, handler.get_status(), handler.request.request_time() * 1000)


class Ping(tornado.web.RequestHandler):
    def get(self):
        self.finish("pong")


def make():
    return tornado.web.Application([("/votes", Votes), ("/ping", Ping)], log_function=access)


def main():
    make().listen(int(os.environ["PORT"]), "127.0.0.1")
    logger.info("feedback listening on {}", os.environ["PORT"])
    tornado.ioloop.IOLoop.current().start()


if __name__ == "__main__":
    main()
