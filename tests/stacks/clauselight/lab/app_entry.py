from . import tap
from clauselight import app as product_app  # noqa: F401  (imports search and store by module, so taps below are seen)
tap.install("app")
app = tap.LabASGI(product_app.app)
