import os

import structlog

from .tap import FileHandler  # noqa: F401  (used by name below)

SECRET_KEY = "not-a-secret-in-this-lab"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "claims_api.urls"
INSTALLED_APPS = ["django_structlog", "claims_api"]
MIDDLEWARE = ["django_structlog.middlewares.RequestMiddleware", "claims_api.middleware.auth"]
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "claims", "USER": "claims", "HOST": "127.0.0.1", "PORT": "21032", "CONN_MAX_AGE": None}}
USE_TZ = True
TIME_ZONE = "UTC"
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
shared = [structlog.processors.TimeStamper(fmt="iso"), structlog.stdlib.add_logger_name, structlog.stdlib.add_log_level]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": structlog.stdlib.ProcessorFormatter, "foreign_pre_chain": shared,
                            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]}},
    "handlers": {"file": {"()": "claims_api.tap.FileHandler", "path": os.environ["LOG_FILE"], "formatter": "json"}},
    "root": {"handlers": ["file"], "level": "INFO"},
    "loggers": {"django": {"handlers": ["file"], "level": "INFO", "propagate": False}},
}
structlog.configure(
    processors=[structlog.contextvars.merge_contextvars, structlog.stdlib.filter_by_level, *shared, structlog.stdlib.PositionalArgumentsFormatter(),
                structlog.processors.StackInfoRenderer(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(), cache_logger_on_first_use=True)
