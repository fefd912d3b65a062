// lb: one port for both products. Writes one access log entry a request, in the shape of Cloud Logging's httpRequest, because our dashboards know it.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type httpRequest struct {
	RequestMethod string `json:"requestMethod"`
	RequestURL    string `json:"requestUrl"`
	RequestSize   string `json:"requestSize,omitempty"`
	Status        int    `json:"status"`
	ResponseSize  string `json:"responseSize"`
	UserAgent     string `json:"userAgent"`
	RemoteIP      string `json:"remoteIp"`
	Latency       string `json:"latency"`
	Protocol      string `json:"protocol"`
}
type entry struct {
	Severity      string       `json:"severity"`
	Timestamp     string       `json:"timestamp"`
	HTTPRequest   *httpRequest `json:"httpRequest,omitempty"`
	StatusDetails string       `json:"statusDetails,omitempty"`
	Backend       string       `json:"backendService,omitempty"`
	BackendTime   string       `json:"backendLatency,omitempty"`
	RequestID     string       `json:"requestId,omitempty"`
	Message       string       `json:"message,omitempty"`
}

var mu sync.Mutex

func write(e entry) {
	b, _ := json.Marshal(e)
	mu.Lock()
	os.Stdout.Write(append(b, '\n'))
	mu.Unlock()
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

type recorder struct {
	http.ResponseWriter
	status  int
	bytes   int64
	first   time.Time
	details string
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

func seconds(d time.Duration) string { return fmt.Sprintf("%.6fs", d.Seconds()) }
func stamp(t time.Time) string        { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

func backend(to string) *httputil.ReverseProxy {
	u, _ := url.Parse(to)
	return &httputil.ReverseProxy{
		Transport: &http.Transport{ResponseHeaderTimeout: 28 * time.Second, DialContext: (&net.Dialer{Timeout: 3 * time.Second}).DialContext, MaxIdleConnsPerHost: 64, IdleConnTimeout: 3 * time.Second},
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(u)
			p.Out.Host = p.In.Host
			p.SetXForwarded()
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			rec := w.(*recorder)
			if errors.Is(err, context.Canceled) {
				rec.details = "client_disconnected_before_any_response"
				w.WriteHeader(499)
				return
			}
			rec.details = "failed_to_connect_to_backend"
			w.WriteHeader(http.StatusBadGateway)
		},
	}
}

func main() {
	api, toolshed := backend("http://127.0.0.1:9610"), backend("http://127.0.0.1:9615")
	write(entry{Severity: "NOTICE", Timestamp: stamp(time.Now()), Message: "lb listens on 127.0.0.1:9600"})
	http.ListenAndServe("127.0.0.1:9600", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, id, name := time.Now(), newID(), ""
		r.Header.Set("X-Request-ID", id)
		w.Header().Set("X-Request-ID", id)
		rec := &recorder{ResponseWriter: w, details: "response_sent_by_backend"}
		agent, size := r.UserAgent(), ""
		if r.ContentLength > 0 {
			size = strconv.FormatInt(r.ContentLength, 10)
		}
		ip := r.Header.Get("X-Forwarded-For")
		defer func() {
			sev, bt := "INFO", ""
			if rec.status >= 500 {
				sev = "ERROR"
			} else if rec.status >= 400 {
				sev = "WARNING"
			}
			if !rec.first.IsZero() && name != "" {
				bt = seconds(rec.first.Sub(t))
			}
			write(entry{Severity: sev, Timestamp: stamp(t), HTTPRequest: &httpRequest{r.Method, "https://" + r.Host + r.URL.Path, size, rec.status, strconv.FormatInt(rec.bytes, 10), agent, ip, seconds(time.Since(t)), r.Proto},
				StatusDetails: rec.details, Backend: name, BackendTime: bt, RequestID: id})
		}()
		switch {
		case r.URL.Path == "/lb-health":
			rec.details = "handled_by_lb"
			rec.WriteHeader(200)
		case strings.HasPrefix(r.URL.Path, "/.") || strings.HasPrefix(r.URL.Path, "/wp-") || strings.HasPrefix(r.URL.Path, "/admin"):
			rec.details = "denied_by_security_policy"
			rec.WriteHeader(403)
		case r.Host == "toolshed.tarifio.example":
			name = "toolshed"
			toolshed.ServeHTTP(rec, r)
		default:
			name = "tarifio-api"
			api.ServeHTTP(rec, r)
		}
	}))
}
