from . import tap
from clauselight.worker import broker  # noqa: F401
tap.install("worker")
