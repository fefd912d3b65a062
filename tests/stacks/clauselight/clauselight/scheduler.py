"""Puts the sweep into the queue every 20 seconds."""
import time
from .tasks import sweep_stale

while True:
    sweep_stale.send()
    time.sleep(20)
