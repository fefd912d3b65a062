//go:build lab

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

type labReq struct {
	key, op, fault, rid string
}

var (
	labMu   sync.Mutex
	labReqs sync.Map // goroutine -> *labReq
	labN    atomic.Uint64
	labFile *os.File
	labPos  int64
)

func goid() string {
	b := make([]byte, 32)
	b = b[:runtime.Stack(b, false)]
	return string(bytes.Fields(b)[1])
}
func labCur() *labReq {
	if v, ok := labReqs.Load(goid()); ok {
		return v.(*labReq)
	}
	return nil
}
func labEmit(ev string, m map[string]any) {
	m["ev"], m["pid"] = ev, os.Getpid()
	if m["t"] == nil {
		m["t"] = time.Now().UnixNano()
	}
	b, _ := json.Marshal(m)
	labFile.Write(append(b, '\n'))
}
func labOp() string { return fmt.Sprintf("gw-%d-%d", os.Getpid(), labN.Add(1)) }

type labWriter struct{}

func (labWriter) Write(p []byte) (int, error) {
	labMu.Lock()
	defer labMu.Unlock()
	var key any
	if c := labCur(); c != nil {
		key = c.key
		var d struct {
			Call uint64 `json:"call"`
			Rid  string `json:"req_id"`
			Msg  string `json:"msg"`
		}
		json.Unmarshal(p, &d)
		if d.Msg == "completion started" { // the number and the id that the gateway gave this request
			labEmit("gw_ids", map[string]any{"op": c.op, "key": c.key, "call": d.Call})
		}
		if d.Rid != "" {
			c.rid = d.Rid
		}
	}
	labEmit("line", map[string]any{"file": "gateway.log", "off": labPos, "key": key, "lines": bytes.Count(p, []byte{'\n'})})
	labPos += int64(len(p))
	return os.Stdout.Write(p)
}

type labStatus struct {
	http.ResponseWriter
	status int
}

func (w *labStatus) WriteHeader(s int) { w.status = s; w.ResponseWriter.WriteHeader(s) }
func (w *labStatus) Flush()            { w.ResponseWriter.(http.Flusher).Flush() }
func (w *labStatus) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = 200
	}
	return w.ResponseWriter.Write(b)
}

type labBody struct {
	io.ReadCloser
	done func(string)
	buf  []byte
}

func (b *labBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if len(b.buf) < 400 {
		b.buf = append(b.buf, p[:n]...)
	}
	if err == io.EOF {
		b.done("")
	} else if err != nil {
		b.done(err.Error())
	}
	return n, err
}
func (b *labBody) Close() error { b.done("closed"); return b.ReadCloser.Close() }

type labTransport struct{ http.RoundTripper }

func (t labTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c := labCur()
	if c == nil {
		return t.RoundTripper.RoundTrip(r)
	}
	raw, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var in struct {
		Model string `json:"model"`
	}
	json.Unmarshal(raw, &in)
	r.Header.Set("X-Lab-Key", c.key)
	r.Header.Set("X-Lab-Fault", c.fault)
	r.Header.Set("X-Lab-Parent", c.op)
	op := labOp()
	labEmit("model_start", map[string]any{"op": op, "key": c.key, "parent": c.op, "model": in.Model, "call": c.op + in.Model})
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		e := "timeout"
		if labGone(c) {
			e = "cancelled"
		}
		labEmit("model_end", map[string]any{"op": op, "error": e})
		return resp, err
	}
	var once sync.Once
	lb := &labBody{ReadCloser: resp.Body}
	end := map[string]any{"op": op, "status": resp.StatusCode, "rid": resp.Header.Get("X-Request-Id"), "id": resp.Header.Get("X-Lab-Cid")}
	lb.done = func(s string) {
		once.Do(func() {
			if s != "" {
				end["error"] = "broken"
				if labGone(c) {
					end["error"] = "cancelled"
				}
			}
			labEmit("model_end", end)
		})
	}
	resp.Body = lb
	return resp, nil
}

var labCtx sync.Map // op -> *http.Request

func labGone(c *labReq) bool {
	v, ok := labCtx.Load(c.op)
	return ok && v.(*http.Request).Context().Err() != nil
}

func init() {
	labFile, _ = os.OpenFile(filepath.Join(os.Getenv("LAB_DIR"), fmt.Sprintf("side-%d.jsonl", os.Getpid())), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if st, err := os.Stdout.Stat(); err == nil {
		labPos = st.Size()
	}
	out = labWriter{}
	transport = labTransport{http.DefaultTransport}
	wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key, parent, fault := r.Header.Get("X-Lab-Key"), r.Header.Get("X-Lab-Parent"), r.Header.Get("X-Lab-Fault")
			for _, h := range []string{"X-Lab-Key", "X-Lab-Parent", "X-Lab-Fault"} {
				r.Header.Del(h)
			}
			c := &labReq{key: key, op: labOp(), fault: fault}
			if key == "" {
				c.key = c.op + "-probe"
			}
			labCtx.Store(c.op, r)
			g := goid()
			labReqs.Store(g, c)
			labEmit("gw_start", map[string]any{"op": c.op, "key": c.key, "parent": parent, "name": r.Method + " " + r.URL.Path, "prompt": r.Header.Get("X-Prompt-Version"), "trace": r.Header.Get("Traceparent")})
			sw := &labStatus{ResponseWriter: w}
			whole := false
			defer func() {
				labEmit("gw_end", map[string]any{"op": c.op, "status": sw.status, "gone": r.Context().Err() != nil, "whole": whole, "rid": c.rid})
				labReqs.Delete(g)
			}()
			next.ServeHTTP(sw, r)
			whole = true
		})
	}
}
