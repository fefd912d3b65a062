from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
job: ContextVar[dict | None] = ContextVar("job", default=None)
skip: ContextVar[bool] = ContextVar("skip", default=False)
