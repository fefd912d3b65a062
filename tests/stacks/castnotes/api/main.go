// castnotes-api: episodes, questions about them, show notes, research.
package main

import (
	"context"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
)

var logger zerolog.Logger

func env(k, def string) string {
	if v := os.Getenv(k); v != "" {
		return v
	}
	return def
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(s int) {
	if w.status == 0 {
		w.status = s
	}
	w.ResponseWriter.WriteHeader(s)
}
func (w *statusWriter) Flush() { w.ResponseWriter.(http.Flusher).Flush() }

type idsKey struct{}
type ids struct{ request, trace string }

func idsOf(ctx context.Context) ids { return ctx.Value(idsKey{}).(ids) }

// accessLog puts a logger with the gateway's request id into the context and logs begin and end.
func accessLog(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/livez" {
			next.ServeHTTP(w, r)
			return
		}
		start, i := time.Now(), ids{request: r.Header.Get("X-Request-Id")}
		l := logger.With().Str("req_id", i.request).Logger()
		ev := l.Info()
		if p := strings.Split(r.Header.Get("traceparent"), "-"); len(p) == 4 {
			i.trace = p[1]
			ev = ev.Str("trace_id", i.trace)
		}
		ev.Str("method", r.Method).Str("url", r.URL.Path).Msg("request received")
		sw := &statusWriter{ResponseWriter: w}
		ctx := context.WithValue(l.WithContext(r.Context()), idsKey{}, i)
		defer func() {
			if p := recover(); p != nil {
				l.Error().Interface("panic", p).Msg("panic in handler")
				if sw.status == 0 {
					sw.Header().Set("Content-Type", "application/json")
					sw.WriteHeader(500)
					sw.Write([]byte(`{"error":"internal"}`))
				}
			}
			lv := zerolog.InfoLevel
			if sw.status >= 500 {
				lv = zerolog.ErrorLevel
			}
			l.WithLevel(lv).Str("method", r.Method).Str("url", r.URL.Path).Int("status", sw.status).Dur("duration", time.Since(start)).Msg("request done")
		}()
		next.ServeHTTP(sw, r.WithContext(ctx))
	})
}

func router() http.Handler {
	r := chi.NewRouter()
	r.Use(accessLog)
	r.Get("/livez", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok")) })
	r.Route("/v1", func(r chi.Router) {
		r.Use(auth)
		r.Post("/episodes", createEpisode)
		r.Get("/episodes/{id}", getEpisode)
		r.Patch("/episodes/{id}", patchEpisode)
		r.Post("/episodes/{id}/research", research)
		r.Post("/episodes/{id}/ask", ask)
		r.Post("/episodes/{id}/shownotes", showNotes)
		r.Get("/jobs/{id}", jobState)
	})
	return r
}

var handler = router

func main() {
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
	logger = zerolog.New(output).With().Timestamp().Str("app", "castnotes-api").Logger()
	openStores()
	srv := &http.Server{Addr: "127.0.0.1:9710", Handler: handler()}
	go func() {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		<-c
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		srv.Shutdown(ctx)
	}()
	logger.Info().Str("addr", srv.Addr).Msg("listening")
	srv.ListenAndServe()
}
