import os
from lab import tap
tap.tap_logs("brain.log")
tap.tap_clients()
from brain import app as product
tap.tap_app()
app = tap.LabASGI(product.app)
