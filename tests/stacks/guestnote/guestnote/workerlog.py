"""JSON lines for the workers. Our own lines carry the request that caused the job and the job's number; libraries' lines are as they are."""
import json
import logging
import logging.config
import time

from .ctx import job

STD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def format(self, record):
        out = {"ts": round(record.created, 3), "lvl": record.levelname.lower(), "logger": record.name, "msg": record.getMessage()}
        out.update({k: v for k, v in vars(record).items() if k not in STD and not k.startswith("_")})
        if record.exc_info:
            out["exc"] = self.formatException(record.exc_info)
        return json.dumps(out, default=str)


class JobFilter(logging.Filter):
    def filter(self, record):
        if j := job.get():
            record.correlation_id, record.job_no = j["request_id"], j["job_no"]
        return True


def setup():
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}}, "filters": {"job": {"()": JobFilter}},
        "handlers": {"own": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json", "filters": ["job"]},
                     "lib": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
        "root": {"level": "INFO", "handlers": ["lib"]},
        "loggers": {"guestnote": {"level": "INFO", "handlers": ["own"], "propagate": False}}})
