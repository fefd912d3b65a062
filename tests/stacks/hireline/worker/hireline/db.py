import os
import psycopg

_conn = {}


def conn():
    pid = os.getpid()
    if pid not in _conn:
        _conn[pid] = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    return _conn[pid]


def read(sql, args=()):
    return conn().execute(sql, args).fetchall()


def write(table, sql, args=()):
    """gives the number of rows"""
    return conn().execute(sql, args).rowcount
