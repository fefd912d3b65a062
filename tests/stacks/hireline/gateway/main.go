// The model gateway: one OpenAI-shaped door to two providers, with retries and a fallback.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	out       io.Writer                       = os.Stdout
	transport http.RoundTripper               = http.DefaultTransport
	wrap      func(http.Handler) http.Handler = func(h http.Handler) http.Handler { return h }
)

type ctxKey struct{}

// ctxHandler puts what the request's context carries on every line written with one.
type ctxHandler struct{ slog.Handler }

func (h ctxHandler) Handle(ctx context.Context, r slog.Record) error {
	if a, ok := ctx.Value(ctxKey{}).([]slog.Attr); ok {
		r.AddAttrs(a...)
	}
	return h.Handler.Handle(ctx, r)
}
func (h ctxHandler) WithAttrs(a []slog.Attr) slog.Handler { return ctxHandler{h.Handler.WithAttrs(a)} }
func (h ctxHandler) WithGroup(n string) slog.Handler      { return ctxHandler{h.Handler.WithGroup(n)} }

func hexID(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(s int) { w.status = s; w.ResponseWriter.WriteHeader(s) }
func (w *statusWriter) Flush()            { w.ResponseWriter.(http.Flusher).Flush() }

func middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if id == "" {
			id = "gw-" + hexID(8)
		}
		attrs := []slog.Attr{slog.String("req_id", id)}
		if tp := strings.Split(r.Header.Get("traceparent"), "-"); len(tp) == 4 {
			attrs = append(attrs, slog.String("trace_id", tp[1]))
		}
		ctx := context.WithValue(r.Context(), ctxKey{}, attrs)
		sw := &statusWriter{w, 200}
		start := time.Now()
		next.ServeHTTP(sw, r.WithContext(ctx))
		if r.Context().Err() != nil && sw.status == 200 {
			sw.status = 499
		}
		slog.InfoContext(ctx, "request", "method", r.Method, "path", r.URL.Path, "status", sw.status, "dur_ms", time.Since(start).Milliseconds(), "remote", r.RemoteAddr)
	})
}

type provider struct{ name, url string }

var (
	primary  = provider{"openai", os.Getenv("PRIMARY_URL")}
	backup   = provider{"mistral", os.Getenv("BACKUP_URL")}
	fallback = map[string]string{"gpt-4.1-mini": "mistral-small-latest", "gpt-4.1": "mistral-large-latest"}
	calls    atomic.Uint64
)

const (
	tries   = 3
	timeout = 2500 * time.Millisecond
)

type upstreamError struct {
	status int
	err    error
}

func (e *upstreamError) Error() string {
	if e.err != nil {
		return e.err.Error()
	}
	return fmt.Sprintf("upstream answered %d", e.status)
}
func (e *upstreamError) again() bool { return e.err != nil || e.status == 429 || e.status >= 500 }

// once sends the body; the answer's body is the caller's to close, and cancel to call.
func once(ctx context.Context, p provider, body []byte) (*http.Response, context.CancelFunc, error) {
	cctx, cancel := context.WithCancel(ctx)
	t := time.AfterFunc(timeout, cancel)
	req, _ := http.NewRequestWithContext(cctx, "POST", p.url+"/v1/chat/completions", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	resp, err := transport.RoundTrip(req)
	if !t.Stop() && err != nil && ctx.Err() == nil {
		err = errors.New("timeout awaiting response headers")
	}
	if err != nil {
		cancel()
		return nil, nil, &upstreamError{err: err}
	}
	if resp.StatusCode != 200 {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		cancel()
		return nil, nil, &upstreamError{status: resp.StatusCode}
	}
	return resp, cancel, nil
}

// attempts tries one provider a few times. The lines here know the call only.
func attempts(ctx context.Context, p provider, call uint64, body []byte) (*http.Response, context.CancelFunc, error) {
	l := slog.With("call", call, "provider", p.name)
	for n := 1; ; n++ {
		resp, cancel, err := once(ctx, p, body)
		if err == nil {
			return resp, cancel, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		ue := err.(*upstreamError)
		if !ue.again() || n == tries {
			l.Warn("upstream failed", "attempt", n, "status", ue.status, "err", ue.Error())
			return nil, nil, ue
		}
		wait := time.Duration(float64(150*time.Millisecond)*float64(n)*(1+mrand.Float64())) + time.Millisecond
		l.Warn("upstream failed, retrying", "attempt", n, "status", ue.status, "err", ue.Error(), "backoff_ms", wait.Milliseconds())
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"message": text, "type": "gateway_error"}})
}

func completions(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		fail(w, 400, "bad json")
		return
	}
	model, _ := in["model"].(string)
	stream, _ := in["stream"].(bool)
	call := calls.Add(1)
	start := time.Now()
	slog.InfoContext(ctx, "completion started", "call", call, "model", model, "stream", stream, "prompt", r.Header.Get("X-Prompt-Version"))
	body, _ := json.Marshal(in)
	resp, cancel, err := attempts(ctx, primary, call, body)
	var ue *upstreamError
	if errors.As(err, &ue) && ue.again() {
		second := fallback[model]
		slog.WarnContext(ctx, "falling back", "call", call, "from", model, "to", second, "err", err.Error())
		in["model"], model = second, second
		body, _ = json.Marshal(in)
		resp, cancel, err = attempts(ctx, backup, call, body)
	}
	if err != nil {
		if ctx.Err() != nil {
			slog.WarnContext(ctx, "caller went away", "call", call)
			return
		}
		slog.ErrorContext(ctx, "completion failed", "call", call, "model", model, "err", err.Error(), "dur_ms", time.Since(start).Milliseconds())
		if errors.As(err, &ue) && !ue.again() {
			fail(w, ue.status, err.Error())
			return
		}
		fail(w, 503, "no provider could answer")
		return
	}
	defer cancel()
	defer resp.Body.Close()
	if stream {
		pipe(ctx, w, resp, call, model, start)
		return
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		slog.ErrorContext(ctx, "completion failed", "call", call, "model", model, "err", err.Error())
		fail(w, 503, err.Error())
		return
	}
	var a struct {
		ID    string `json:"id"`
		Model string `json:"model"`
		Usage struct {
			In  int `json:"prompt_tokens"`
			Out int `json:"completion_tokens"`
		} `json:"usage"`
	}
	json.Unmarshal(b, &a)
	slog.InfoContext(ctx, "completion finished", "call", call, "model", a.Model, "completion_id", a.ID, "upstream_request_id", resp.Header.Get("X-Request-Id"),
		slog.Group("tokens", "in", a.Usage.In, "out", a.Usage.Out), "dur_ms", time.Since(start).Milliseconds())
	w.Header().Set("Content-Type", "application/json")
	w.Write(b)
}

func pipe(ctx context.Context, w http.ResponseWriter, resp *http.Response, call uint64, model string, start time.Time) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(200)
	buf, first, total := make([]byte, 4096), int64(0), 0
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			if first == 0 {
				first = time.Since(start).Milliseconds()
			}
			total += n
			w.Write(buf[:n])
			w.(http.Flusher).Flush()
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			if ctx.Err() != nil {
				slog.WarnContext(ctx, "caller went away", "call", call, "bytes", total)
				return
			}
			slog.ErrorContext(ctx, "stream broken by upstream", "call", call, "model", model, "err", err.Error(), "bytes", total)
			panic(http.ErrAbortHandler)
		}
	}
	slog.InfoContext(ctx, "stream finished", "call", call, "model", model, "ttft_ms", first, "bytes", total, "dur_ms", time.Since(start).Milliseconds())
}

func main() {
	slog.SetDefault(slog.New(ctxHandler{slog.NewJSONHandler(out, nil)}))
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/chat/completions", completions)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) })
	srv := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: wrap(middleware(mux))}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-stop
		slog.Info("shutting down")
		srv.Shutdown(context.Background())
	}()
	slog.Info("listening", "addr", srv.Addr)
	if err := srv.ListenAndServe(); err != http.ErrServerClosed {
		slog.Error("server", "err", err)
		os.Exit(1)
	}
}
