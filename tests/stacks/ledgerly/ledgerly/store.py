import logging, os, sqlite3

log = logging.getLogger("store")
PATH = os.environ.get("LEDGERLY_DB", "ledgerly.db")


def connect():
    con = sqlite3.connect(PATH, timeout=10)
    con.execute("pragma journal_mode=wal")
    con.row_factory = sqlite3.Row
    return con


def init():
    con = connect()
    con.executescript("""
    create table if not exists receipts(id integer primary key autoincrement, vendor text, raw text, status text, total real);
    create table if not exists chats(id integer primary key autoincrement, question text, answer text);
    create table if not exists entries(id integer primary key autoincrement, receipt integer, account text);
    create table if not exists failed_jobs(id integer primary key autoincrement, job text, reason text);
    """)
    con.execute("insert into sqlite_sequence(name, seq) select 'receipts', 51200 where not exists(select 1 from sqlite_sequence where name='receipts')")
    con.commit()
    con.close()


def write(table, sql, args=()):
    con = connect()
    try:
        cur = con.execute(sql, args)
        con.commit()
        return cur.lastrowid
    finally:
        con.close()


def save_receipt(receipt, total):
    write("receipts", "update receipts set status='done', total=? where id=?", (total, receipt))
    log.info("receipt %s saved", receipt)


def read(sql, args=()):
    con = connect()
    try:
        return con.execute(sql, args).fetchone()
    finally:
        con.close()
