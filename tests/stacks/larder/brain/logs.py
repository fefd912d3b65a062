import logging.config


def setup():
    logging.config.dictConfig({
        "version": 1, "disable_existing_loggers": False,
        "filters": {"correlation_id": {"()": "asgi_correlation_id.CorrelationIdFilter", "uuid_length": 36, "default_value": None}},
        "formatters": {"json": {"()": "pythonjsonlogger.json.JsonFormatter", "format": "%(asctime)s %(levelname)s %(name)s %(message)s %(correlation_id)s",
                                "rename_fields": {"asctime": "timestamp", "levelname": "level", "name": "logger"}}},
        "handlers": {"out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "filters": ["correlation_id"], "formatter": "json"}},
        "loggers": {"uvicorn": {"handlers": ["out"], "level": "INFO", "propagate": False}, "uvicorn.access": {"handlers": ["out"], "level": "INFO", "propagate": False}},
        "root": {"handlers": ["out"], "level": "INFO"},
    })
