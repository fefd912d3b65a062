// Package store is the SQLite database of the product.
package store

import (
	"database/sql"
	"os"

	_ "github.com/mattn/go-sqlite3"

	"notes/truth"
)

const schema = `
CREATE TABLE IF NOT EXISTS runs(run_id TEXT PRIMARY KEY, kind TEXT, meeting TEXT, state TEXT);
CREATE TABLE IF NOT EXISTS notes(run_id TEXT PRIMARY KEY, job INTEGER, words INTEGER);
CREATE TABLE IF NOT EXISTS vectors(run_id TEXT, part INTEGER, size INTEGER);
CREATE TABLE IF NOT EXISTS actions(run_id TEXT, job INTEGER, ticket TEXT, PRIMARY KEY(run_id, job));
CREATE TABLE IF NOT EXISTS joins(run_id TEXT, job INTEGER, PRIMARY KEY(run_id, job));
CREATE TABLE IF NOT EXISTS seq(queue TEXT PRIMARY KEY, n INTEGER);
INSERT OR IGNORE INTO seq VALUES('store', 0), ('action', 0);`

func Open() *sql.DB {
	db, err := sql.Open("sqlite3", os.Getenv("DB_PATH")+"?_busy_timeout=5000&_journal_mode=WAL&_synchronous=NORMAL&_txlock=immediate")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(4)
	if _, err = db.Exec(schema); err != nil {
		panic(err)
	}
	return db
}

// Write runs statements in one transaction and measures it.
func Write(db *sql.DB, mark truth.Mark, table string, f func(*sql.Tx) error) error {
	op := truth.Begin(mark, "db_write", table, nil)
	tx, err := db.Begin()
	if err == nil {
		if err = f(tx); err == nil {
			err = tx.Commit()
		} else {
			_ = tx.Rollback()
		}
	}
	if err != nil {
		op.End("error", nil)
	} else {
		op.End("ok", nil)
	}
	return err
}

// Next draws the next number of a queue.
func Next(tx *sql.Tx, queue string) (n int64, err error) {
	if _, err = tx.Exec("UPDATE seq SET n = n + 1 WHERE queue = ?", queue); err != nil {
		return
	}
	err = tx.QueryRow("SELECT n FROM seq WHERE queue = ?", queue).Scan(&n)
	return
}
