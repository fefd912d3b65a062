// Package truth is the side channel: it writes what really happened, and who owns each log line, to files that no log reader sees.
package truth

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Header carries a Mark over HTTP; over the broker it is the message header of the same name. No service logs it.
const Header = "X-Side"

// Mark travels with a request.
type Mark struct {
	Owner    string `json:"o,omitempty"` // the request that a line or an operation belongs to
	Op       string `json:"p,omitempty"` // the operation that caused the next one
	Play     string `json:"y,omitempty"` // faults to play: "atlas-70b=500,ok;tool=503"
	At       int64  `json:"a,omitempty"` // when a message was published
	Client   int    `json:"c,omitempty"`
	Scenario string `json:"s,omitempty"`
}

func (m Mark) String() string { b, _ := json.Marshal(m); return string(b) }

func Parse(s string) (m Mark) { _ = json.Unmarshal([]byte(s), &m); return }

// Plays gives the steps of one fault; nil when it is not played.
func (m Mark) Plays(key string) []string {
	for _, part := range strings.Split(m.Play, ";") {
		if k, v, ok := strings.Cut(part, "="); ok && k == key {
			return strings.Split(v, ",")
		}
	}
	return nil
}

// Step gives the n-th step (from 0); the last one repeats.
func (m Mark) Step(key string, n int) string {
	s := m.Plays(key)
	if len(s) == 0 {
		return "ok"
	}
	if n >= len(s) {
		n = len(s) - 1
	}
	return s[n]
}

type ctxKey struct{}

func With(ctx context.Context, m Mark) context.Context { return context.WithValue(ctx, ctxKey{}, m) }
func From(ctx context.Context) Mark                    { m, _ := ctx.Value(ctxKey{}).(Mark); return m }

var (
	mu      sync.Mutex
	out     *os.File
	logFile *os.File
	logName string
	prefix  string
	seq     int64
)

// Open starts the side channel of a process; log is the base name of its log file ("" for none).
func Open(service, log string) {
	prefix = fmt.Sprintf("%s-%d", service, os.Getpid())
	var err error
	if out, err = os.OpenFile(filepath.Join(os.Getenv("TRUTH_DIR"), prefix+".jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		panic(err)
	}
	if log != "" {
		logName = log
		if logFile, err = os.OpenFile(filepath.Join(os.Getenv("LOG_DIR"), log), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
			panic(err)
		}
	}
}

func write(rec map[string]any) {
	b, err := json.Marshal(rec)
	if err != nil {
		panic(err)
	}
	mu.Lock()
	defer mu.Unlock()
	_, _ = out.Write(append(b, '\n'))
}

// Note records a fact about a request.
func Note(kind string, m Mark, kv map[string]any) {
	rec := map[string]any{"t": kind, "o": m.Owner, "at": time.Now().UnixNano(), "op": m.Op}
	for k, v := range kv {
		rec[k] = v
	}
	write(rec)
}

// Writer is a destination for a logger whose lines all belong to one owner ("" for nobody).
type Writer struct{ Owner string }

func (w Writer) Write(b []byte) (int, error) {
	rec, _ := json.Marshal(map[string]any{"t": "line", "o": w.Owner, "f": logName, "x": strings.TrimSuffix(string(b), "\n")})
	mu.Lock()
	defer mu.Unlock()
	_, _ = out.Write(append(rec, '\n'))
	return logFile.Write(b)
}

func (w Writer) Sync() error { return nil }

// Op is something that takes time.
type Op struct {
	ID   string
	mark Mark
}

func Begin(m Mark, kind, name string, attrs map[string]any) *Op {
	now := time.Now().UnixNano()
	o := &Op{ID: fmt.Sprintf("%s-%d", prefix, atomic.AddInt64(&seq, 1)), mark: m}
	write(map[string]any{"t": "begin", "id": o.ID, "o": m.Owner, "parent": m.Op, "kind": kind, "name": name, "at": now, "attrs": attrs})
	return o
}

// Mark is the mark for whatever this operation causes.
func (o *Op) Mark() Mark { m := o.mark; m.Op = o.ID; return m }

func (o *Op) End(outcome string, attrs map[string]any, ids ...string) {
	write(map[string]any{"t": "end", "id": o.ID, "at": time.Now().UnixNano(), "outcome": outcome, "attrs": attrs, "ids": ids})
}
