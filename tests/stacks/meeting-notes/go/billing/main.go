// Billing is another product that happens to write into the same log index: credit notes for accounts, worked off by goroutines of its own.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"io"
	mrand "math/rand"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/xid"
	"github.com/rs/zerolog"

	"notes/truth"
)

var (
	number int64
	states sync.Map
	jobs   = make(chan job, 100)
)

type job struct {
	n    int64
	run  string
	mark truth.Mark
}

func hexID(n int) string { b := make([]byte, n); _, _ = rand.Read(b); return hex.EncodeToString(b) }

func logger(owner string) zerolog.Logger {
	return zerolog.New(truth.Writer{Owner: owner}).With().Timestamp().Str("service", "billing").Logger()
}

func handle(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	mark := truth.Parse(r.Header.Get(truth.Header))
	id := xid.New().String()
	mark.Owner = id
	op := truth.Begin(truth.Mark{Owner: id}, "edge", r.Method+" "+r.URL.Path, nil)
	truth.Note("request", mark, map[string]any{"client": mark.Client, "scenario": mark.Scenario, "noise": r.URL.Path == "/healthz"})
	mark.Op = op.ID
	trace := hexID(16)
	log := logger(id).With().Str("req_id", id).Str("trace_id", trace).Str("span_id", hexID(8)).Logger()
	status, out := 404, map[string]string{}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/healthz":
		status = 200
	case r.Method == "GET" && len(parts) == 2 && parts[0] == "notes":
		if s, ok := states.Load(parts[1]); ok {
			status, out["state"] = 200, s.(string)
		}
	case r.Method == "POST" && len(parts) == 3 && parts[0] == "accounts" && parts[2] == "notes":
		body, _ := io.ReadAll(r.Body)
		if !json.Valid(body) {
			status = 400
			log.Warn().Str("reason", "body is not JSON").Msg("rejected")
			break
		}
		j := job{atomic.AddInt64(&number, 1), "run-" + hexID(6), mark}
		truth.Note("ids", mark, map[string]any{"ids": []string{"run:" + j.run}})
		j.mark.At = time.Now().UnixNano()
		states.Store(j.run, "queued")
		log.Info().Str("run_id", j.run).Str("queue", "store").Int64("job", j.n).Msg("published")
		jobs <- j
		status, out["run_id"] = 202, j.run
	}
	w.Header().Set("X-Request-Id", id)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
	log.Info().Str("method", r.Method).Str("path", r.URL.Path).Int("status", status).Float64("duration_ms", float64(time.Since(start).Microseconds())/1000).
		Str("user_agent", r.UserAgent()).Msg("request")
	outcome := "ok"
	if status >= 400 {
		outcome = "rejected"
	}
	op.End(outcome, map[string]any{"status": status}, "request:"+id, "trace:"+trace)
}

func work() {
	for j := range jobs {
		op := truth.Begin(j.mark, "task", "store", map[string]any{"id": "job:store:" + itoa(j.n), "published_at": j.mark.At, "attempt": 1, "redelivered": false})
		log := logger(j.mark.Owner).With().Str("run_id", j.run).Str("queue", "store").Int64("job", j.n).Logger()
		log.Info().Msg("handling")
		time.Sleep(time.Duration(30+mrand.Intn(250)) * time.Millisecond)
		if j.mark.Step("ledger", 0) == "closed" {
			log.Error().Str("reason", "ledger period is closed").Msg("failed")
			states.Store(j.run, "failed")
			truth.Note("failed", op.Mark(), nil)
			op.End("error", nil)
			continue
		}
		states.Store(j.run, "done")
		log.Info().Msg("done")
		op.End("ok", nil)
	}
}

func itoa(n int64) string { b, _ := json.Marshal(n); return string(b) }

func main() {
	truth.Open("billing", "platform.ndjson")
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
	zerolog.TimestampFunc = func() time.Time { return time.Now().UTC() }
	boot := logger("")
	boot.Info().Str("version", "11.0.3").Msg("listening")
	for i := 0; i < 2; i++ {
		go work()
	}
	panic(http.ListenAndServe(os.Getenv("BILLING_ADDR"), http.HandlerFunc(handle)))
}
