import contextvars, json, logging, sys
from datetime import datetime, timezone

rid_var = contextvars.ContextVar("rid", default=None)
STD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class AppFormatter(logging.Formatter):
    def format(self, record):
        out = {"time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
               "lvl": record.levelname.lower(), "name": record.name, "msg": record.getMessage()}
        if rid_var.get():
            out["rid"] = rid_var.get()
        out.update({k: v for k, v in record.__dict__.items() if k not in STD})
        if record.exc_info:
            out["exc"] = self.formatException(record.exc_info)
        return json.dumps(out, default=str)


class WorkerFormatter(logging.Formatter):
    def format(self, record):
        out = {"ts": round(record.created, 3), "level": record.levelname, "logger": record.name, "process": record.process, "message": record.getMessage().strip()}
        out.update({k: v for k, v in record.__dict__.items() if k not in STD})
        if record.exc_info:
            out["traceback"] = self.formatException(record.exc_info)
        return json.dumps(out, default=str)


def setup(formatter):
    h = logging.StreamHandler(sys.stdout)
    h.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[h], force=True)
