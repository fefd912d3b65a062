import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "claims_api.settings")
from django.core.wsgi import get_wsgi_application  # noqa: E402
from lab import side  # noqa: E402

inner = get_wsgi_application()


def application(environ, start_response):
    key, plan = environ.get("HTTP_X_REQUEST_ID"), side.decode(environ.get("HTTP_X_SIDE"))
    seen = {}

    def started(status, headers, *rest):
        seen["status"] = int(status[:3])
        return start_response(status, headers, *rest)
    with side.within(key, None, plan):
        with side.Op("app", environ["REQUEST_METHOD"] + " " + environ["PATH_INFO"], ids=["request:" + key]) as op:
            response = inner(environ, started)
            body = list(response)
            response.close()
            op.attrs["status"] = s = seen["status"]
            op.outcome = "ok" if s < 400 else "rejected" if s < 500 else "timeout" if s == 504 else "error"
    return body
