"""Forty contracts; some without an owner, some without a page count."""
import random

from redline import db

db.connect().executescript(db.SCHEMA)
random.seed(4)
with db.write("documents") as con:
    for i in range(1001, 1041):
        con.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", (
            i, f"Contract {i}", None if i in (1038, 1039) else f"owner{i % 7}@example.org", None if i == 1040 else random.randint(2, 60), "Whereas the parties..."))
