"""Everything to standard output as JSON, with the id of the request at work."""
import logging
from datetime import datetime, timezone

from json_log_formatter import JSONFormatter

from .ctx import request_id


class Formatter(JSONFormatter):
    def json_record(self, message, extra, record):
        out = {"time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"), "level": record.levelname, "logger": record.name, "message": message}
        extra.pop("request_id_ctx", None)
        if rid := request_id.get():
            out["request_id"] = rid
        out.update({k: v for k, v in extra.items() if isinstance(v, (str, int, float, bool)) or v is None})
        if record.exc_info:
            out["exc_info"] = self.formatException(record.exc_info)
        return out


CONFIG = {"version": 1, "disable_existing_loggers": False,
          "formatters": {"json": {"()": Formatter}},
          "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
          "root": {"level": "INFO", "handlers": ["out"]},
          "loggers": {n: {"level": "INFO", "handlers": ["out"], "propagate": False} for n in ("sanic.root", "sanic.error", "sanic.access", "sanic.server", "sanic.websockets")}}
