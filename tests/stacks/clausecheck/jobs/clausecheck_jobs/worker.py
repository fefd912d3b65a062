import asyncio
import json
import logging
import sys
from datetime import datetime, timezone

from .tasks import app

STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def format(self, record):
        out = {"time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"), "level": record.levelname, "logger": record.name, "msg": record.getMessage()}
        out.update({k: v for k, v in vars(record).items() if k not in STANDARD})
        if record.exc_info:
            out["exc"] = self.formatException(record.exc_info)
        return json.dumps(out, default=str)


def setup():
    h = logging.StreamHandler(sys.stdout)
    h.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[h], force=True)


async def main():
    async with app.open_async():
        await app.run_worker_async(name="jobs-1", concurrency=6, queues=["index", "mail", "maintenance"], fetch_job_polling_interval=2, delete_jobs="never")


def run():
    setup()
    asyncio.run(main())


if __name__ == "__main__":
    run()
