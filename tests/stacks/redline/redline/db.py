"""SQLite. All writes go through write()."""
import contextlib
import sqlite3
import threading

from . import config

_local = threading.local()

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (id INTEGER PRIMARY KEY, title TEXT, owner_email TEXT, pages INTEGER, body TEXT);
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, kind TEXT, args TEXT, status TEXT, worker TEXT, attempts INTEGER DEFAULT 0);
CREATE TABLE IF NOT EXISTS summaries (id INTEGER PRIMARY KEY, document_id INTEGER, model TEXT, body TEXT);
CREATE TABLE IF NOT EXISTS fields (id INTEGER PRIMARY KEY, document_id INTEGER, name TEXT, value TEXT);
CREATE TABLE IF NOT EXISTS field_index (document_id INTEGER, term TEXT);
CREATE TABLE IF NOT EXISTS notices (id INTEGER PRIMARY KEY, document_id INTEGER, recipient TEXT);
CREATE TABLE IF NOT EXISTS questions (id INTEGER PRIMARY KEY, document_id INTEGER, model TEXT, tokens INTEGER);
CREATE TABLE IF NOT EXISTS dead_letters (job_id TEXT, reason TEXT);
"""


def connect():
    con = getattr(_local, "con", None)
    if con is None:
        con = _local.con = sqlite3.connect(config.DB_PATH, timeout=10, isolation_level=None)
        con.row_factory = sqlite3.Row
        con.execute("PRAGMA journal_mode=WAL")
        con.execute("PRAGMA synchronous=FULL")
    return con


def one(sql, *args):
    return connect().execute(sql, args).fetchone()


@contextlib.contextmanager
def write(table):
    """One write transaction; the name of the table is for whoever measures."""
    con = connect()
    con.execute("BEGIN IMMEDIATE")
    try:
        yield con
    except BaseException:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")
