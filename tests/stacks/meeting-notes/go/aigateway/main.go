// The AI gateway stands between the services and two model providers: it retries, and falls back to the other provider's model.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mrand "math/rand"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"notes/truth"
)

const (
	attemptTimeout = 1800 * time.Millisecond
	attempts       = 2 // of one model
)

var (
	providers = map[string]string{"north": os.Getenv("NORTH_URL"), "south": os.Getenv("SOUTH_URL")}
	home      = map[string]string{"scribe-2": "north", "atlas-70b": "north", "vec-3-small": "north", "scribe-mini": "south", "birch-8b": "south", "vec-lite": "south"}
	second    = map[string]string{"scribe-2": "scribe-mini", "atlas-70b": "birch-8b", "vec-3-small": "vec-lite"}
	client    = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
)

func hexID(n int) string { b := make([]byte, n); _, _ = rand.Read(b); return hex.EncodeToString(b) }

func logger(owner string) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(truth.Writer{Owner: owner})
	l.SetFormatter(&logrus.JSONFormatter{TimestampFormat: "2006-01-02T15:04:05.000000Z07:00"})
	return l
}

type answer struct {
	ID    string `json:"id"`
	Valid bool   `json:"valid"`
	Usage struct {
		In  int `json:"in"`
		Out int `json:"out"`
	} `json:"usage"`
}

func call(ctx context.Context, mark truth.Mark, path, model string) (status int, a answer, outcome string) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	body, _ := json.Marshal(map[string]string{"model": model})
	r, _ := http.NewRequestWithContext(ctx, "POST", providers[home[model]]+path, bytes.NewReader(body))
	r.Header.Set(truth.Header, mark.String())
	res, err := client.Do(r)
	if err == nil {
		defer res.Body.Close()
		status = res.StatusCode
		err = json.NewDecoder(res.Body).Decode(&a)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return 0, a, "timeout"
	case errors.Is(err, context.Canceled):
		return 0, a, "cancelled"
	case status == 200 && err == nil:
		return status, a, "ok"
	case status == 429:
		return status, a, "rate_limited"
	case status >= 400 && status < 500:
		return status, a, "invalid"
	}
	return status, a, "server_error"
}

func handle(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		w.WriteHeader(200)
		return
	}
	start := time.Now()
	mark := truth.Parse(r.Header.Get(truth.Header))
	op := truth.Begin(mark, "app", r.Method+" "+r.URL.Path, nil)
	var in struct{ Model string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	ctx := r.Context()
	callID, traceID, span, parent := "call_"+hexID(8), hexID(16), hexID(8), ""
	if p := strings.Split(r.Header.Get("Traceparent"), "-"); len(p) == 4 {
		traceID, parent = p[1], p[2]
	}
	f := logrus.Fields{"call_id": callID, "trace_id": traceID, "span_id": span}
	if parent != "" {
		f["parent_span_id"] = parent
	}
	log := logger(mark.Owner).WithFields(f)
	prompt := r.Header.Get("X-Prompt-Version")
	ids := []string{"call:" + callID, "trace:" + traceID}
	w.Header().Set("X-Call-Id", callID)
	n, fellBack := 0, false
	finish := func(status int, outcome, model string, a answer) {
		if fellBack {
			truth.Note("fallback", op.Mark(), map[string]any{"from": in.Model, "to": second[in.Model], "ok": outcome == "ok"})
		}
		e := log.WithFields(logrus.Fields{"path": r.URL.Path, "status": status, "attempts": n, "duration_ms": float64(time.Since(start).Microseconds()) / 1000})
		switch outcome {
		case "ok":
			e.WithField("served_by", model).Info("call finished")
		case "cancelled":
			e.Warn("caller closed the connection")
		default:
			e.Error("call failed")
		}
		if outcome != "cancelled" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"model": model, "valid": a.Valid, "call_id": callID})
		}
		op.End(outcome, map[string]any{"status": status, "call": callID}, ids...)
	}
	for _, model := range []string{in.Model, second[in.Model]} {
		if model == "" {
			continue
		}
		from := any(nil)
		if model != in.Model {
			from, fellBack = in.Model, true
			log.WithFields(logrus.Fields{"from": in.Model, "to": model}).Warn("falling back")
		}
		for i := 1; i <= attempts; i++ {
			n++
			attrs := map[string]any{"stream": false, "attempt": n, "fallback_from": from, "prompt": prompt}
			m := truth.Begin(op.Mark(), "model_call", model, attrs)
			t := time.Now()
			status, a, outcome := call(ctx, m.Mark(), r.URL.Path, model)
			attrs = map[string]any{"status": status, "call": callID}
			if status == 0 {
				attrs["status"] = nil
			}
			if a.ID != "" {
				ids = append(ids, "call:"+a.ID)
			}
			m.End(outcome, attrs)
			g := logrus.Fields{"provider": home[model], "model": model, "attempt": n, "latency_ms": float64(time.Since(t).Microseconds()) / 1000}
			if status != 0 {
				g["status"] = status
			}
			if prompt != "" {
				g["prompt_version"] = prompt
			}
			if outcome == "ok" {
				g["response_id"], g["tokens_in"], g["tokens_out"] = a.ID, a.Usage.In, a.Usage.Out
				log.WithFields(g).Info("model answered")
				finish(200, "ok", model, a)
				return
			}
			if outcome == "cancelled" {
				finish(499, "cancelled", model, a)
				return
			}
			g["error"] = map[string]string{"timeout": "timeout", "rate_limited": "rate limited", "invalid": "context_length_exceeded", "server_error": "server error"}[outcome]
			log.WithFields(g).Warn("model failed")
			if outcome == "timeout" || i == attempts {
				break
			}
			class := "transient"
			if outcome == "invalid" {
				class = "semantic"
			}
			wait := time.Duration(150+mrand.Intn(250)) * time.Millisecond
			log.WithField("wait_ms", wait.Milliseconds()).Info("retrying")
			b := truth.Begin(op.Mark(), "retry_wait", fmt.Sprintf("backoff before attempt %d", n+1), nil)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				b.End("cancelled", nil)
				finish(499, "cancelled", model, a)
				return
			}
			b.End(outcome, nil)
			truth.Note("retry", op.Mark(), map[string]any{"what": "model", "class": class})
		}
	}
	finish(502, "error", "", answer{})
}

func main() {
	truth.Open("aigateway", "aigateway.log")
	mrand.Seed(time.Now().UnixNano())
	logger("").WithField("providers", len(providers)).Info("ready")
	panic(http.ListenAndServe(os.Getenv("AI_ADDR"), http.HandlerFunc(handle)))
}
