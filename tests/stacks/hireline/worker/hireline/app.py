import os
from celery import Celery
from kombu import Exchange, Queue
from . import logs  # noqa: F401

app = Celery("hireline", broker=os.environ["BROKER_URL"], include=["hireline.tasks"])
app.conf.update(
    task_ignore_result=True, task_acks_late=True, task_reject_on_worker_lost=True, worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True, task_default_queue="cv",
    task_queues=[Queue(n, Exchange(""), routing_key=n, durable=True) for n in ("cv", "match", "crm")],
    task_routes={"match.*": {"queue": "match"}, "crm.*": {"queue": "crm"}},
    beat_schedule={"sweep": {"task": "maintenance.sweep", "schedule": 20.0}},
)
