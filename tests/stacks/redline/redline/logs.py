"""Logging of both kinds of process: structlog in the web app, python-json-logger in the workers."""
import logging
import os

import structlog
from pythonjsonlogger.json import JsonFormatter

from . import config


def open_log(name):
    os.makedirs(config.LOG_DIR, exist_ok=True)
    return open(os.path.join(config.LOG_DIR, name), "a", buffering=1, encoding="utf-8")


def _root(stream, formatter):
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)


def configure_web():
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=shared + [structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    _root(open_log("app.log"), structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    ))


def configure_worker():
    _root(open_log("worker.log"), JsonFormatter(
        "%(asctime)s %(levelname)s %(name)s %(process)d %(threadName)s %(message)s",
        rename_fields={"levelname": "level", "threadName": "thread"},
    ))
