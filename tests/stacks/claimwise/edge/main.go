// The edge: one port for both products. Gives each request an id, and writes one line when it is done.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"
)

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// ulid: 48 bits of time, 80 of chance
func ulid(t time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(t.UnixMilli())<<16)
	rand.Read(b[6:])
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	out := make([]byte, 26)
	for i := 25; i >= 0; i-- {
		out[i] = alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out)
}

type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
	first  time.Time
}

func (r *recorder) WriteHeader(s int) {
	if r.status == 0 {
		r.status, r.first = s, time.Now()
	}
	r.ResponseWriter.WriteHeader(s)
}
func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func proxy(to string) *httputil.ReverseProxy {
	u, _ := url.Parse(to)
	return &httputil.ReverseProxy{
		Transport: &http.Transport{ResponseHeaderTimeout: 25 * time.Second, DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext, MaxIdleConnsPerHost: 64, IdleConnTimeout: 3 * time.Second},
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(u)
			p.Out.Host = p.In.Host
			p.SetXForwarded()
		},
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if errors.Is(err, context.Canceled) {
				w.WriteHeader(499)
				return
			}
			slog.Error("upstream failed", "requestId", r.Header.Get("X-Request-ID"), "err", err.Error())
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	api, parking := proxy("http://127.0.0.1:9510"), proxy("http://127.0.0.1:9515")
	slog.Info("edge listens", "addr", "127.0.0.1:9500")
	http.ListenAndServe("127.0.0.1:9500", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := time.Now()
		id := ulid(t)
		r.Header.Set("X-Request-ID", id)
		w.Header().Set("X-Request-ID", id)
		rec, upstream := &recorder{ResponseWriter: w}, "-"
		defer func() {
			a := []any{"requestId", id, "method", r.Method, "host", r.Host, "uri", r.URL.Path, "status", rec.status, "bytes", rec.bytes, "duration", time.Since(t), "upstream", upstream, "remote", r.Header.Get("X-Forwarded-For"), "agent", r.UserAgent()}
			if !rec.first.IsZero() {
				a = append(a, "firstByte", rec.first.Sub(t))
			}
			slog.Info("handled request", a...)
		}()
		switch {
		case r.URL.Path == "/edge-health":
			rec.WriteHeader(200)
		case strings.HasPrefix(r.URL.Path, "/.") || strings.HasPrefix(r.URL.Path, "/wp-") || strings.HasPrefix(r.URL.Path, "/admin"):
			rec.WriteHeader(403)
		case r.Host == "parking.claimwise.example":
			upstream = "parking"
			parking.ServeHTTP(rec, r)
		default:
			upstream = "api"
			api.ServeHTTP(rec, r)
		}
	}))
}
