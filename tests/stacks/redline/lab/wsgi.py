from . import tap

tap.install("app")
from redline.web import app as flask_app  # noqa: E402  (after the taps)

app = tap.wrap_wsgi(flask_app)
