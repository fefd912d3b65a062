"""Settings, all from the environment."""
import os

LOG_DIR = os.environ.get("REDLINE_LOG_DIR", "logs")
DB_PATH = os.environ.get("REDLINE_DB", "redline.db")
REDIS_URL = os.environ.get("REDLINE_REDIS", "redis://127.0.0.1:6399/0")
API_TOKEN = os.environ.get("REDLINE_TOKEN", "dev-token")
WORKER_NAME = os.environ.get("REDLINE_WORKER", "worker-0")

PRIMARY_URL = os.environ.get("REDLINE_PRIMARY_URL", "http://127.0.0.1:9101/v1")
PRIMARY_MODEL = "gpt-4.1-mini"
BACKUP_URL = os.environ.get("REDLINE_BACKUP_URL", "http://127.0.0.1:9102/v1")
BACKUP_MODEL = "mistral-small-2506"
