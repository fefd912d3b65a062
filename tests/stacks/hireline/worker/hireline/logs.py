"""JSON lines for Celery: its own loggers, ours and the libraries'."""
import logging
from celery import current_task
from celery.signals import after_setup_logger, after_setup_task_logger
from pythonjsonlogger.json import JsonFormatter


class TaskJsonFormatter(JsonFormatter):
    def add_fields(self, log_data, record, message_dict):
        super().add_fields(log_data, record, message_dict)
        if current_task and current_task.request and current_task.request.id:
            log_data["task_id"] = current_task.request.id
            log_data["task_name"] = current_task.name


@after_setup_logger.connect
@after_setup_task_logger.connect
def to_json(logger, **_):
    for h in logger.handlers:
        h.setFormatter(TaskJsonFormatter("%(asctime)s %(levelname)s %(name)s %(processName)s %(message)s"))
