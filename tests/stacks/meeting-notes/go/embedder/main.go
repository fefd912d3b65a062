// The embedder turns stored notes into vectors; three workers, standard library logger.
package main

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"notes/bus"
	"notes/store"
	"notes/truth"
)

const maxAttempts = 3

var (
	db *sql.DB
	mq *bus.Bus
)

func logger(owner string) *log.Logger {
	return log.New(truth.Writer{Owner: owner}, "", log.LstdFlags|log.Lmicroseconds|log.LUTC)
}

type note struct{ parts []int }

func (n *note) split(words int) {
	for ; words > 0; words -= 180 {
		n.parts = append(n.parts, words)
	}
}

func embed(lg *log.Logger, name string, m bus.Message, mark truth.Mark, attempt int) (err error) {
	defer func() {
		if r := recover(); r != nil {
			lg.Printf("%s panic: %v\n%s", name, r, bytes.TrimRight(debug.Stack(), "\n"))
			err = fmt.Errorf("panic")
		}
	}()
	n := &note{}
	if mark.Step("panic.embed", attempt-1) == "yes" { // a race in the cache of notes
		n = nil
	}
	n.split(300 + rand.Intn(900))
	lg.Printf("%s note cut into %d parts", name, len(n.parts))
	start := time.Now()
	body, _ := json.Marshal(map[string]string{"model": "vec-3-small"})
	r, _ := http.NewRequest("POST", os.Getenv("AI_URL")+"/v1/embed", bytes.NewReader(body))
	r.Header.Set(truth.Header, mark.String())
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lg.Printf("%s %s -> %d in %s", name, res.Header.Get("X-Call-Id"), res.StatusCode, time.Since(start).Round(time.Microsecond))
	if res.StatusCode != 200 {
		return fmt.Errorf("no vectors: %d", res.StatusCode)
	}
	start = time.Now()
	if err = store.Write(db, mark, "vectors", func(tx *sql.Tx) (err error) {
		for i, size := range n.parts {
			if _, err = tx.Exec("INSERT INTO vectors VALUES(?,?,?)", m.RunID, i, size); err != nil {
				return
			}
		}
		_, err = tx.Exec("UPDATE runs SET state = 'done' WHERE run_id = ?", m.RunID)
		return
	}); err != nil {
		return err
	}
	lg.Printf("%s %d vectors written in %s", name, len(n.parts), time.Since(start).Round(time.Microsecond))
	return nil
}

func worker(name string, in <-chan amqp.Delivery) {
	for d := range in {
		m, mark := bus.Read(d)
		lg := logger(mark.Owner)
		op := bus.Task(d, "embed", mark, "task:"+d.MessageId)
		start, attempt := time.Now(), bus.Attempt(d)
		lg.Printf("%s begin %s", name, d.MessageId)
		err := embed(lg, name, m, op.Mark(), attempt)
		took := time.Since(start).Round(10 * time.Microsecond)
		switch {
		case err == nil:
			lg.Printf("%s end ok after %s", name, took)
			_ = d.Ack(false)
			op.End("ok", nil)
		case attempt < maxAttempts:
			lg.Printf("%s end failed after %s, will come again: %v", name, took, err)
			truth.Note("retry", op.Mark(), map[string]any{"what": "task", "class": "transient"})
			_ = d.Reject(false)
			op.End("retry", nil)
		default:
			lg.Printf("%s end failed after %s, dead letter: %v", name, took, err)
			mq.Bury(d)
			truth.Note("dead", op.Mark(), nil)
			op.End("error", nil)
		}
	}
}

func main() {
	truth.Open("embedder", "embedder.log")
	db = store.Open()
	mq = bus.Dial("embedder")
	in := mq.Consume("embed", 3)
	for n := 1; n <= 3; n++ {
		go worker(fmt.Sprintf("embed-%d", n), in)
	}
	logger("").Print("main three workers up")
	for range time.Tick(15 * time.Second) {
		logger("").Print("main alive")
	}
}
