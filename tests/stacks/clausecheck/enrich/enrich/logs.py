"""ECS JSON to standard output, with the request and the trace of the message at work on every line."""
import logging
import sys
from contextvars import ContextVar

import ecs_logging

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
trace_id: ContextVar[str | None] = ContextVar("trace_id", default=None)


class RequestContext(logging.Filter):
    def filter(self, record):
        if rid := request_id.get():
            setattr(record, "http.request.id", rid)
        if tid := trace_id.get():
            setattr(record, "trace.id", tid)
        return True


def setup(service: str):
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(ecs_logging.StdlibFormatter(exclude_fields=["log.original", "log.origin", "process"], extra={"service.name": service}, stack_trace_limit=6))
    handler.addFilter(RequestContext())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("anthropic").setLevel(logging.INFO)
