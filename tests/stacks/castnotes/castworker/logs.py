"""ECS JSON, as our Kibana wants it."""
import logging
import os
import sys

import ecs_logging


def setup():
    h = logging.StreamHandler(sys.stdout)
    h.setFormatter(ecs_logging.StdlibFormatter(exclude_fields=["log.original", "log.origin", "process"], extra={"service.name": "castnotes-worker", "service.node.name": os.environ.get("WORKER_NAME", "worker")}))
    logging.basicConfig(level=logging.INFO, handlers=[h])


class JobLog(logging.LoggerAdapter):
    """Adds the ids of the job to each line."""

    def process(self, msg, kwargs):
        kwargs["extra"] = {**self.extra, **kwargs.get("extra", {})}
        return msg, kwargs


def ns(seconds):
    return int(seconds * 1e9)
