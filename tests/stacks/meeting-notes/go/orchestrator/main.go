// The orchestrator takes the steps of a run from the queues: transcribe, summarise, dispatch of actions, and their join.
package main

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"notes/bus"
	"notes/store"
	"notes/truth"
)

const (
	workers     = 6
	maxAttempts = 3
)

var (
	db      *sql.DB
	mq      *bus.Bus
	client  = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	seen    sync.Map // message ids taken by this process and not given back
	handled int64

	errSchema = errors.New("summary does not match the schema")
)

func hexID(n int) string { b := make([]byte, n); _, _ = rand.Read(b); return hex.EncodeToString(b) }

func logger(owner, name string) *zap.SugaredLogger {
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), truth.Writer{Owner: owner}, zap.InfoLevel)
	return zap.New(core, zap.AddCaller()).Named(name).Sugar()
}

type item struct {
	queue string
	d     amqp.Delivery
}

func worker(n int, in <-chan item) {
	for it := range in {
		m, mark := bus.Read(it.d)
		id, attempt := it.d.MessageId, bus.Attempt(it.d)
		log := logger(mark.Owner, fmt.Sprintf("w%d", n))
		op := bus.Task(it.d, it.queue, mark, "task:"+id)
		start := time.Now()
		if _, dup := seen.LoadOrStore(id, true); dup {
			log.Warnf("msg %s was already taken, dropping the copy", id)
			_ = it.d.Ack(false)
			op.End("skipped", map[string]any{"duplicate": true})
			continue
		}
		log.Infof("handling msg %s for run %s: %s, attempt %d", id, m.RunID, it.queue, attempt)
		j := &job{log: log, mark: op.Mark(), id: id, m: m}
		var err error
		switch it.queue {
		case "transcribe":
			err = j.transcribe()
		case "summarise":
			err = j.summarise()
		case "dispatch":
			err = j.dispatch()
		case "join":
			err = j.join()
		}
		atomic.AddInt64(&handled, 1)
		switch {
		case err == nil:
			log.Infof("done with msg %s in %d ms", id, time.Since(start).Milliseconds())
			_ = it.d.Ack(false)
			op.End("ok", nil)
		case attempt < maxAttempts:
			log.Warnf("msg %s failed: %v; back to the queue with a delay", id, err)
			class := "transient"
			if errors.Is(err, errSchema) {
				class = "semantic"
			}
			truth.Note("retry", op.Mark(), map[string]any{"what": "task", "class": class})
			seen.Delete(id)
			_ = it.d.Reject(false)
			op.End("retry", nil)
		default:
			log.Errorf("giving up on msg %s for run %s after %d attempts: %v; moved to %s", id, m.RunID, attempt, err, bus.DeadLetters)
			mq.Bury(it.d)
			truth.Note("dead", op.Mark(), nil)
			op.End("error", nil)
		}
	}
}

type job struct {
	log  *zap.SugaredLogger
	mark truth.Mark
	id   string
	m    bus.Message
}

// ask makes one call through the AI gateway.
func (j *job) ask(path, model, prompt string) (valid bool, callID string, err error) {
	trace := hexID(16)
	j.log.Infof("asking %s for msg %s, trace %s", model, j.id, trace)
	start := time.Now()
	body, _ := json.Marshal(map[string]string{"model": model})
	r, _ := http.NewRequest("POST", os.Getenv("AI_URL")+path, bytes.NewReader(body))
	r.Header.Set("Traceparent", fmt.Sprintf("00-%s-%s-01", trace, hexID(8)))
	r.Header.Set("X-Prompt-Version", prompt)
	r.Header.Set(truth.Header, j.mark.String())
	res, err := client.Do(r)
	if err != nil {
		return false, "", err
	}
	defer res.Body.Close()
	var a struct {
		Model, CallID string
		Valid         bool
	}
	_ = json.NewDecoder(res.Body).Decode(&a)
	if res.StatusCode != 200 {
		return false, "", fmt.Errorf("AI gateway answered %d", res.StatusCode)
	}
	j.log.Infof("msg %s: %s answered in %d ms", j.id, a.Model, time.Since(start).Milliseconds())
	return a.Valid, res.Header.Get("X-Call-Id"), nil
}

func (j *job) publish(queue, id string, m bus.Message) error {
	for i := 0; i <= len(j.mark.Plays("dup."+queue)); i++ { // a confirm that came too late: the message is sent again
		if err := mq.Publish(queue, id, m, j.mark); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) transcribe() error {
	if _, _, err := j.ask("/v1/transcribe", "scribe-2", ""); err != nil {
		return err
	}
	next := uuid.NewString()
	if err := j.publish("summarise", next, j.m); err != nil {
		return err
	}
	j.log.Infof("queued msg %s for run %s: summarise", next, j.m.RunID)
	return nil
}

func (j *job) summarise() error {
	for n := 1; ; n++ {
		valid, call, err := j.ask("/v1/chat", "atlas-70b", os.Getenv("PROMPT_SUMMARY"))
		if err != nil {
			return err
		}
		if valid {
			break
		}
		truth.Note("invalid", j.mark, map[string]any{"call": call})
		if n == 2 {
			return errSchema
		}
		j.log.Warnf("answer %d misses the field decisions, asking again", n)
		b := truth.Begin(j.mark, "retry_wait", "before asking again", nil)
		time.Sleep(200 * time.Millisecond)
		b.End("invalid", nil)
		truth.Note("retry", j.mark, map[string]any{"what": "model", "class": "semantic"})
	}
	var number int64
	start := time.Now()
	if err := store.Write(db, j.mark, "runs", func(tx *sql.Tx) (err error) {
		if number, err = store.Next(tx, "store"); err == nil {
			_, err = tx.Exec("UPDATE runs SET state = 'summarised' WHERE run_id = ?", j.m.RunID)
		}
		return
	}); err != nil {
		return err
	}
	j.log.Infof("run %s marked summarised in %d us", j.m.RunID, time.Since(start).Microseconds())
	j.m.Job = number
	if err := j.publish("store", fmt.Sprint(number), j.m); err != nil {
		return err
	}
	j.log.Infof("queued store job %d for run %s", number, j.m.RunID)
	return nil
}

func (j *job) dispatch() error {
	if _, _, err := j.ask("/v1/chat", "atlas-70b", "plan@2"); err != nil {
		return err
	}
	numbers := make([]int64, j.m.Total)
	start := time.Now()
	if err := store.Write(db, j.mark, "runs", func(tx *sql.Tx) (err error) {
		for i := range numbers {
			if numbers[i], err = store.Next(tx, "action"); err != nil {
				return
			}
		}
		_, err = tx.Exec("UPDATE runs SET state = 'running' WHERE run_id = ?", j.m.RunID)
		return
	}); err != nil {
		return err
	}
	j.log.Infof("run %s marked running in %d us", j.m.RunID, time.Since(start).Microseconds())
	for i, n := range numbers {
		m := j.m
		m.Job = n
		mark := j.mark
		if i > 0 { // a fault of the tool is played on the first action only
			mark.Play = ""
		}
		if err := mq.Publish("action", fmt.Sprint(n), m, mark); err != nil {
			return err
		}
		j.log.Infof("queued action job %d (%d of %d) for run %s", n, i+1, len(numbers), j.m.RunID)
	}
	return nil
}

func (j *job) join() error {
	var have int
	start := time.Now()
	if err := store.Write(db, j.mark, "joins", func(tx *sql.Tx) (err error) {
		if _, err = tx.Exec("INSERT OR IGNORE INTO joins VALUES(?,?)", j.m.RunID, j.m.Job); err != nil {
			return
		}
		if err = tx.QueryRow("SELECT count(*) FROM joins WHERE run_id = ?", j.m.RunID).Scan(&have); err == nil && have == j.m.Total {
			_, err = tx.Exec("UPDATE runs SET state = 'done' WHERE run_id = ?", j.m.RunID)
		}
		return
	}); err != nil {
		return err
	}
	j.log.Infof("run %s has %d of %d actions, counted in %d us", j.m.RunID, have, j.m.Total, time.Since(start).Microseconds())
	if have == j.m.Total {
		j.log.Infof("run %s complete", j.m.RunID)
	}
	return nil
}

func main() {
	truth.Open("orchestrator", "orchestrator.log")
	boot := logger("", "main")
	db = store.Open()
	mq = bus.Dial("orchestrator")
	in := make(chan item)
	for _, q := range []string{"transcribe", "summarise", "dispatch", "join"} {
		go func(q string, ds <-chan amqp.Delivery) {
			for d := range ds {
				in <- item{q, d}
			}
		}(q, mq.Consume(q, 3))
	}
	for n := 1; n <= workers; n++ {
		go worker(n, in)
	}
	boot.Infof("consuming with %d workers, summary prompt %s", workers, os.Getenv("PROMPT_SUMMARY"))
	for range time.Tick(10 * time.Second) {
		boot.Infof("%d messages handled so far", atomic.LoadInt64(&handled))
	}
}
