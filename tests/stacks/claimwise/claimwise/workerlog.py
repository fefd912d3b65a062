"""python-json-logger. Our own lines carry the request and the task; libraries' are as they come."""
import logging
import sys
from contextvars import ContextVar

from pythonjsonlogger.json import JsonFormatter

current: ContextVar[dict] = ContextVar("current", default={})


class Current(logging.Filter):
    def filter(self, record):
        for k, v in current.get().items():
            setattr(record, k, v)
        return True


def setup():
    f = JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields={"levelname": "level", "name": "logger"})
    lib, own = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stdout)
    for h in (lib, own):
        h.setFormatter(f)
    own.addFilter(Current())
    logging.basicConfig(level=logging.INFO, handlers=[lib])
    ours = logging.getLogger("claims")
    ours.addHandler(own)
    ours.propagate = False
