//go:build lab

// The side channel of the API: whose work is being done, and which line is whose. Copied into the package for a play; the product never reads it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type labKey struct{}
type labCtx struct {
	key, fault, op string
	base           context.Context
}

var (
	labN    atomic.Int64
	labFile *os.File
	labRids sync.Map
	labMu   sync.Mutex
	labOff  int64
	labRid  = regexp.MustCompile(`"req_id":"([0-9a-f]{24})"`)
)

func labOp() string { return fmt.Sprintf("api-%d-%d", os.Getpid(), labN.Add(1)) }
func labEmit(ev string, t int64, f map[string]any) {
	f["ev"], f["pid"], f["t"] = ev, os.Getpid(), t
	b, _ := json.Marshal(f)
	labFile.Write(append(b, '\n'))
}
func labNow() int64 { return time.Now().UnixNano() }
func labOf(ctx context.Context) *labCtx {
	c, _ := ctx.Value(labKey{}).(*labCtx)
	return c
}

type labOut struct{}

func (labOut) Write(b []byte) (int, error) {
	labMu.Lock()
	defer labMu.Unlock()
	var key any
	if m := labRid.FindSubmatch(b); m != nil {
		if k, ok := labRids.Load(string(m[1])); ok {
			key = k
		}
	}
	labEmit("line", labNow(), map[string]any{"file": os.Getenv("LAB_LOG"), "off": labOff, "lines": strings.Count(string(b), "\n"), "key": key})
	labOff += int64(len(b))
	return os.Stdout.Write(b)
}

type labBody struct {
	io.ReadCloser
	once sync.Once
	op   string
	st   map[string]any
	c    *labCtx
	req  context.Context
}

func labWhy(c *labCtx, req context.Context) string {
	if c.base.Err() != nil {
		return "cancelled"
	}
	if req.Err() != nil {
		return "timeout"
	}
	return "broken"
}
func (b *labBody) end(why string) {
	b.once.Do(func() {
		b.st["op"] = b.op
		if why != "" {
			b.st["error"] = why
		}
		labEmit("model_end", labNow(), b.st)
	})
}
func (b *labBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.end("")
	} else if err != nil {
		b.end(labWhy(b.c, b.req))
	}
	return n, err
}
func (b *labBody) Close() error {
	b.end(labWhy(b.c, b.req))
	return b.ReadCloser.Close()
}

type labTransport struct{ http.RoundTripper }

func (t labTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c := labOf(r.Context())
	if c == nil {
		return t.RoundTripper.RoundTrip(r)
	}
	r = r.Clone(r.Context())
	b, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(b)))
	var d struct{ Model string }
	json.Unmarshal(b, &d)
	r.Header.Set("x-lab-key", c.key)
	r.Header.Set("x-lab-parent", c.op)
	r.Header.Set("x-lab-fault", c.fault)
	op := labOp()
	labEmit("model_start", labNow(), map[string]any{"op": op, "key": c.key, "parent": c.op, "model": d.Model})
	res, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		labEmit("model_end", labNow(), map[string]any{"op": op, "error": labWhy(c, r.Context())})
		return nil, err
	}
	st := map[string]any{"status": res.StatusCode}
	if v := res.Header.Get("x-request-id") + res.Header.Get("request-id"); v != "" {
		st["rid"] = v
	}
	if v := res.Header.Get("x-lab-cid"); v != "" {
		st["id"] = v
	}
	res.Body = &labBody{ReadCloser: res.Body, op: op, st: st, c: c, req: r.Context()}
	return res, nil
}

func init() {
	labFile, _ = os.OpenFile(fmt.Sprintf("%s/side-%d.jsonl", os.Getenv("LAB_DIR"), os.Getpid()), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	os.MkdirAll(os.Getenv("LAB_DIR")+"/rid", 0o755)
	if i, err := os.Stdout.Stat(); err == nil {
		labOff = i.Size()
	}
	output = labOut{}
	client.Transport = labTransport{client.Transport}
	query, put := queryID, enqueue
	queryID = func(ctx context.Context, q string, args ...any) (int64, error) {
		c := labOf(ctx)
		_, table := tableOf(q)
		op := labOp()
		labEmit("db_start", labNow(), map[string]any{"op": op, "key": c.key, "parent": c.op, "table": table})
		id, err := query(ctx, q, args...)
		labEmit("db_end", labNow(), map[string]any{"op": op, "ok": err == nil})
		return id, err
	}
	enqueue = func(ctx context.Context, id, kind string, payload []byte) error {
		c, t := labOf(ctx), labNow()
		err := put(ctx, id, kind, payload)
		labEmit("publish", t, map[string]any{"task": id, "name": kind, "key": c.key, "parent": c.op})
		return err
	}
	handler = func() http.Handler {
		inner := router()
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key := r.Header.Get("x-lab-key")
			if key == "" {
				inner.ServeHTTP(w, r)
				return
			}
			rid := r.Header.Get("X-Request-Id")
			c := &labCtx{key: key, fault: r.Header.Get("x-lab-fault"), op: labOp(), base: r.Context()}
			f := map[string]any{"op": c.op, "key": key, "name": r.Method + " " + r.URL.Path, "trace": nil, "rid": nil}
			if v := r.Header.Get("traceparent"); v != "" {
				f["trace"] = v
			}
			if rid != "" {
				f["rid"] = rid
				labRids.Store(rid, key)
				b, _ := json.Marshal(map[string]string{"key": key, "fault": c.fault})
				os.WriteFile(os.Getenv("LAB_DIR")+"/rid/"+rid, b, 0o644)
			}
			labEmit("app_start", labNow(), f)
			sw := &statusWriter{ResponseWriter: w}
			inner.ServeHTTP(sw, r.WithContext(context.WithValue(r.Context(), labKey{}, c)))
			st := any(nil)
			if sw.status != 0 {
				st = sw.status
			} else {
				st = 200
			}
			labEmit("app_end", labNow(), map[string]any{"op": c.op, "status": st, "whole": true, "rid": f["rid"]})
		})
	}
}
