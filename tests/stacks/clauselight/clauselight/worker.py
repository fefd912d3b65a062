"""Entry of the dramatiq workers: `dramatiq clauselight.worker`."""
import json, logging, os, sys
from datetime import datetime
from dramatiq.middleware import CurrentMessage

STD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def format(self, record):
        out = {"when": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"), "severity": record.levelname,
               "logger": record.name, "pid": record.process, "thread": record.threadName, "text": record.getMessage()}
        m = CurrentMessage.get_current_message()
        if m is not None:
            out["message_id"], out["actor"] = m.message_id, m.actor_name
        out.update({k: v for k, v in record.__dict__.items() if k not in STD})
        if record.exc_info:
            out["exc"] = self.formatException(record.exc_info)
        return json.dumps(out, default=str)


h = logging.FileHandler(os.path.join(os.environ.get("LOG_DIR", "."), "worker.log"))
h.setFormatter(JsonFormatter())
logging.basicConfig(level=logging.INFO, handlers=[h], force=True)
logging.getLogger("pika").setLevel(logging.WARNING)
from .tasks import broker  # noqa: E402,F401
