"""One worker process: a Huey consumer with four threads."""
import logging
import sys

from . import config, logs, tasks


def main(periodic):
    logs.configure_worker()
    logging.getLogger("redline.worker").info("starting %s", config.WORKER_NAME)
    tasks.requeue_interrupted()
    tasks.huey.create_consumer(workers=4, periodic=periodic, initial_delay=0.05, backoff=1.1, max_delay=0.5, scheduler_interval=1).run()


if __name__ == "__main__":
    main("--periodic" in sys.argv)
