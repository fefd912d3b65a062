// The gateway answers the product's HTTP requests and hands the long ones to the queues.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/rs/xid"
	"github.com/rs/zerolog"

	"notes/bus"
	"notes/store"
	"notes/truth"
)

const searchDeadline = 3 * time.Second

var (
	db     *sql.DB
	mq     *bus.Bus
	aiURL  = os.Getenv("AI_URL")
	client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	limits sync.Map // tenant -> *window
)

func hexID(n int) string { b := make([]byte, n); _, _ = rand.Read(b); return hex.EncodeToString(b) }

type recorder struct {
	http.ResponseWriter
	status, size int
}

func (r *recorder) WriteHeader(s int) { r.status = s; r.ResponseWriter.WriteHeader(s) }
func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.size += n
	return n, err
}

// req is what a handler needs to know.
type req struct {
	log             zerolog.Logger
	mark            truth.Mark
	traceID, spanID string
	tenant          string
	body            map[string]any
}

func outcome(status int) string {
	switch {
	case status == 499:
		return "client_disconnect"
	case status == 504:
		return "timeout"
	case status >= 500:
		return "error"
	case status >= 400:
		return "rejected"
	}
	return "ok"
}

func middleware(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	mark := truth.Parse(r.Header.Get(truth.Header))
	id, supplied := r.Header.Get("X-Request-Id"), true
	if id == "" {
		id, supplied = xid.New().String(), false
	}
	mark.Owner = id
	op := truth.Begin(truth.Mark{Owner: id}, "edge", r.Method+" "+r.URL.Path, nil)
	truth.Note("request", mark, map[string]any{"client": mark.Client, "scenario": mark.Scenario, "noise": r.URL.Path == "/healthz", "supplied": supplied})

	q := &req{mark: mark, traceID: hexID(16), spanID: hexID(8), tenant: r.Header.Get("X-Tenant")}
	q.mark.Op = op.ID
	parent := ""
	if p := strings.Split(r.Header.Get("Traceparent"), "-"); len(p) == 4 {
		q.traceID, parent = p[1], p[2]
	}
	c := zerolog.New(truth.Writer{Owner: id}).With().Timestamp().Str("service", "gateway").Str("req_id", id).Str("trace_id", q.traceID).Str("span_id", q.spanID)
	if parent != "" {
		c = c.Str("parent_id", parent)
	}
	q.log = c.Logger()
	w.Header().Set("X-Request-Id", id)
	rec := &recorder{ResponseWriter: w, status: 200}
	route(rec, r, q)
	level := zerolog.InfoLevel
	if rec.status >= 500 {
		level = zerolog.ErrorLevel
	}
	q.log.WithLevel(level).Str("method", r.Method).Str("path", r.URL.Path).Int("status", rec.status).Int("size", rec.size).
		Float64("duration_ms", float64(time.Since(start).Microseconds())/1000).Str("tenant", q.tenant).Str("user_agent", r.UserAgent()).Msg("request")
	op.End(outcome(rec.status), map[string]any{"status": rec.status}, "request:"+id, "trace:"+q.traceID)
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, q *req, status int, why string) {
	q.log.Warn().Str("reason", why).Msg("rejected")
	reply(w, status, map[string]string{"error": why})
}

// allow lets a trial tenant do four things in ten seconds.
func allow(tenant string) bool {
	if !strings.HasPrefix(tenant, "trial-") {
		return true
	}
	type window struct {
		sync.Mutex
		times []time.Time
	}
	v, _ := limits.LoadOrStore(tenant, &window{})
	win := v.(*window)
	win.Lock()
	defer win.Unlock()
	keep := win.times[:0]
	for _, t := range win.times {
		if time.Since(t) < 10*time.Second {
			keep = append(keep, t)
		}
	}
	win.times = keep
	if len(keep) >= 4 {
		return false
	}
	win.times = append(win.times, time.Now())
	return true
}

func route(w http.ResponseWriter, r *http.Request, q *req) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if r.URL.Path == "/healthz" {
		reply(w, 200, map[string]bool{"ok": true})
		return
	}
	if r.Method == "GET" && len(parts) == 2 && parts[0] == "notes" {
		getNote(w, q, parts[1])
		return
	}
	if r.Method != "POST" {
		refuse(w, q, 404, "no such route")
		return
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil || json.Unmarshal(raw, &q.body) != nil {
		refuse(w, q, 400, "body is not JSON")
		return
	}
	if q.tenant == "" {
		refuse(w, q, 401, "no tenant")
		return
	}
	if !allow(q.tenant) {
		refuse(w, q, 429, "too many requests")
		return
	}
	switch {
	case len(parts) == 3 && parts[0] == "meetings" && parts[2] == "notes":
		enqueue(w, q, "notes", "transcribe", parts[1], 0)
	case r.URL.Path == "/actions":
		n, _ := q.body["items"].(float64)
		if n < 1 || n > 5 {
			refuse(w, q, 422, "items must be 1 to 5")
			return
		}
		m, _ := q.body["meeting"].(string)
		enqueue(w, q, "actions", "dispatch", m, int(n))
	case r.URL.Path == "/search":
		search(w, r, q)
	default:
		refuse(w, q, 404, "no such route")
	}
}

func enqueue(w http.ResponseWriter, q *req, kind, queue, meeting string, total int) {
	if len(meeting) < 2 {
		refuse(w, q, 404, "unknown meeting")
		return
	}
	run, msg := "run-"+hexID(6), uuid.NewString()
	truth.Note("ids", q.mark, map[string]any{"ids": []string{"run:" + run}})
	t := time.Now()
	if err := store.Write(db, q.mark, "runs", func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO runs VALUES(?,?,?,'queued')", run, kind, meeting)
		return err
	}); err != nil {
		q.log.Error().Err(err).Msg("run not saved")
		reply(w, 500, map[string]string{"error": "storage"})
		return
	}
	q.log.Info().Str("run_id", run).Float64("db_ms", float64(time.Since(t).Microseconds())/1000).Msg("run saved")
	copies := 1 + len(q.mark.Plays("dup."+queue)) // a confirm that came too late: the message is sent again
	for i := 0; i < copies; i++ {
		if err := mq.Publish(queue, msg, bus.Message{RunID: run, Meeting: meeting, Total: total}, q.mark); err != nil {
			q.log.Error().Err(err).Msg("publish failed")
			reply(w, 503, map[string]string{"error": "queue"})
			return
		}
	}
	q.log.Info().Str("run_id", run).Str("queue", queue).Str("msg_id", msg).Msg("published")
	reply(w, 202, map[string]string{"run_id": run})
}

func getNote(w http.ResponseWriter, q *req, run string) {
	var state string
	if err := db.QueryRow("SELECT state FROM runs WHERE run_id = ?", run).Scan(&state); err != nil {
		refuse(w, q, 404, "unknown note")
		return
	}
	q.log.Debug().Str("state", state).Msg("looked up")
	reply(w, 200, map[string]string{"state": state})
}

func search(w http.ResponseWriter, r *http.Request, q *req) {
	if s, _ := q.body["q"].(string); s == "" {
		refuse(w, q, 422, "empty query")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), searchDeadline)
	defer cancel()
	fail := func(step string, status int, err error) {
		if r.Context().Err() != nil {
			q.log.Warn().Str("step", step).Msg("client went away")
			w.WriteHeader(499)
			return
		}
		if ctx.Err() != nil {
			q.log.Error().Str("step", step).Msg("deadline exceeded")
			reply(w, 504, map[string]string{"error": "too slow"})
			return
		}
		q.log.Error().Str("step", step).Int("upstream_status", status).AnErr("error", err).Msg("upstream failed")
		reply(w, 502, map[string]string{"error": "model"})
	}
	t := time.Now()
	status, served, err := ask(ctx, q, "/v1/embed", "vec-3-small", "")
	if err != nil || status != 200 {
		fail("embed", status, err)
		return
	}
	q.log.Info().Str("model", served).Float64("took_ms", float64(time.Since(t).Microseconds())/1000).Msg("query embedded")
	var hits int
	_ = db.QueryRow("SELECT count(*) FROM (SELECT 1 FROM vectors ORDER BY size DESC LIMIT 8)").Scan(&hits)
	t = time.Now()
	status, served, err = ask(ctx, q, "/v1/chat", "atlas-70b", "answer@3")
	if err != nil || status != 200 {
		fail("answer", status, err)
		return
	}
	q.log.Info().Str("model", served).Int("hits", hits).Float64("took_ms", float64(time.Since(t).Microseconds())/1000).Msg("answered")
	reply(w, 200, map[string]any{"hits": hits})
}

func ask(ctx context.Context, q *req, path, model, prompt string) (int, string, error) {
	body, _ := json.Marshal(map[string]string{"model": model})
	r, _ := http.NewRequestWithContext(ctx, "POST", aiURL+path, bytes.NewReader(body))
	r.Header.Set("Traceparent", fmt.Sprintf("00-%s-%s-01", q.traceID, q.spanID))
	r.Header.Set("X-Prompt-Version", prompt)
	r.Header.Set(truth.Header, q.mark.String())
	res, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	var a struct{ Model string }
	err = json.NewDecoder(res.Body).Decode(&a)
	return res.StatusCode, a.Model, err
}

func main() {
	truth.Open("gateway", "platform.ndjson")
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
	zerolog.TimestampFunc = func() time.Time { return time.Now().UTC() }
	boot := zerolog.New(truth.Writer{}).With().Timestamp().Str("service", "gateway").Logger()
	db = store.Open()
	mq = bus.Dial("gateway")
	boot.Info().Str("addr", os.Getenv("GATEWAY_ADDR")).Str("version", "2.8.1").Msg("listening")
	panic(http.ListenAndServe(os.Getenv("GATEWAY_ADDR"), http.HandlerFunc(middleware)))
}
