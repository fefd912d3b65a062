import os

AMQP_URL = os.environ.get("AMQP_URL", "amqp://guest:guest@127.0.0.1:5673")
DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5499/clauselight")
GATEWAY_URL = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8720/v1/generate")
API_KEYS = {"ck_live_7d1", "ck_live_a42"}
