import sys

from . import tap

tap.install("worker")
from redline import worker  # noqa: E402  (after the taps)

worker.main("--periodic" in sys.argv)
