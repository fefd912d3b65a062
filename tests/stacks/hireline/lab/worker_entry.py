import os
from lab import tap
tap.tap_logs(os.environ["LAB_LOG"])
tap.tap_clients()
from hireline.app import app  # noqa: E402
app.loader.import_default_modules()
tap.tap_product()
tap.tap_strategy(app)
tap.tap_tasks()
