// The load: clients of both products, and the faults that their requests bring along.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	mrand "math/rand"
	"net/http"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"notes/truth"
)

var (
	gateway = "http://" + os.Getenv("GATEWAY_ADDR")
	billing = "http://" + os.Getenv("BILLING_ADDR")
	client  = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	mu      sync.Mutex
	number  int
)

type scenario struct {
	name, kind string
	count      int
	play       string
}

const broken = "scribe-2=500,500,ok;scribe-mini=503,503,ok"

var plan = []scenario{
	{"notes_ok", "notes", 44, ""},
	{"notes_fallback", "notes", 7, "atlas-70b=503"},
	{"notes_transient", "notes", 5, "scribe-2=429,ok"},
	{"notes_transient", "notes", 4, "atlas-70b=500,ok"},
	{"notes_redelivery", "notes", 7, broken},
	{"notes_redelivery", "notes", 3, "atlas-70b=500,500,500,500,ok;birch-8b=429,429,500,500,ok"},
	{"notes_semantic", "notes", 7, "atlas-70b=bad,ok"},
	{"notes_semantic_redelivery", "notes", 2, "atlas-70b=bad,bad,ok"},
	{"notes_semantic_dead", "notes", 4, "atlas-70b=bad"},
	{"notes_dead", "notes", 4, "scribe-2=500;scribe-mini=500"},
	{"notes_dup", "notes", 4, "dup.transcribe=1"},
	{"notes_dup", "notes", 4, "dup.store=1"},
	{"notes_panic", "notes", 3, "panic.embed=yes,no"},
	{"notes_embed_dead", "notes", 1, "vec-3-small=500;vec-lite=500"},
	{"notes_400", "broken", 4, ""},
	{"notes_404", "unknown", 4, ""},
	{"notes_401", "anonymous", 2, ""},
	{"search_ok", "search", 46, ""},
	{"search_transient", "search", 7, "atlas-70b=429,ok"},
	{"search_fallback", "search", 5, "atlas-70b=503,500"},
	{"search_fallback", "search", 4, "atlas-70b=hang"},
	{"search_embed_fallback", "search", 3, "vec-3-small=500"},
	{"search_context", "search", 5, "atlas-70b=400"},
	{"search_timeout", "search", 4, "atlas-70b=hang;birch-8b=hang"},
	{"search_error", "search", 4, "atlas-70b=500;birch-8b=503"},
	{"search_disconnect", "leave", 8, "atlas-70b=slow1300"},
	{"search_disconnect", "leave", 2, "atlas-70b=500,ok"},
	{"search_422", "empty", 4, ""},
	{"actions_ok", "actions", 30, ""},
	{"actions_tool_retry", "actions", 6, "tool=503,ok"},
	{"actions_dead", "actions", 3, "tool=503"},
	{"actions_fallback", "actions", 4, "atlas-70b=503"},
	{"actions_422", "toomany", 3, ""},
	{"billing_notes", "bill", 34, ""},
	{"billing_failed", "bill", 3, "ledger=closed"},
	{"billing_400", "billbroken", 3, ""},
}

type call struct {
	method, url, body, tenant string
	leave                     time.Duration
	mark                      truth.Mark
}

func do(c call) map[string]string {
	mu.Lock()
	number++
	c.mark.Client = number
	supplied := number%23 == 0
	traced := number%4 == 0
	mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if c.leave > 0 {
		ctx, cancel = context.WithTimeout(ctx, c.leave)
		defer cancel()
	}
	r, _ := http.NewRequestWithContext(ctx, c.method, c.url, bytes.NewReader([]byte(c.body)))
	r.Header.Set(truth.Header, c.mark.String())
	r.Header.Set("X-Tenant", c.tenant)
	r.Header.Set("User-Agent", []string{"notes-web/5.2", "notes-ios/3.9", "notes-cli/1.4"}[c.mark.Client%3])
	if strings.HasSuffix(c.url, "/healthz") {
		r.Header.Set("User-Agent", "kube-probe/1.27")
	}
	b := make([]byte, 24)
	_, _ = rand.Read(b)
	if traced {
		r.Header.Set("Traceparent", fmt.Sprintf("00-%s-%s-01", hex.EncodeToString(b[:16]), hex.EncodeToString(b[16:])))
	}
	if supplied && c.mark.Scenario != "health" {
		r.Header.Set("X-Request-Id", "web-"+hex.EncodeToString(b[:9]))
	}
	start := time.Now().UnixNano()
	res, err := client.Do(r)
	out := map[string]string{}
	status := any(nil)
	if err == nil {
		raw, _ := io.ReadAll(res.Body)
		res.Body.Close()
		status = res.StatusCode
		_ = json.Unmarshal(raw, &out)
	}
	truth.Note("client", c.mark, map[string]any{"client": c.mark.Client, "start": start, "end": time.Now().UnixNano(), "status": status, "aborted": err != nil})
	return out
}

func play(s scenario) {
	m := truth.Mark{Scenario: s.name, Play: s.play}
	tenant := fmt.Sprintf("t-%d", 100+mrand.Intn(40))
	meeting := fmt.Sprintf("M%d", 2000+mrand.Intn(900))
	post := func(path, body string) map[string]string {
		return do(call{method: "POST", url: gateway + path, body: body, tenant: tenant, mark: m})
	}
	poll := func(base, run string, times int) {
		for i := 0; i < times && run != ""; i++ {
			time.Sleep(time.Duration(500+mrand.Intn(1800)) * time.Millisecond)
			if do(call{method: "GET", url: base + "/notes/" + run, tenant: tenant, mark: truth.Mark{Scenario: "poll"}})["state"] == "done" {
				return
			}
		}
	}
	switch s.kind {
	case "notes":
		poll(gateway, post("/meetings/"+meeting+"/notes", `{"lang":"en"}`)["run_id"], mrand.Intn(3))
	case "broken":
		post("/meetings/"+meeting+"/notes", `{"lang":`)
	case "unknown":
		post("/meetings/0/notes", `{}`)
	case "anonymous":
		tenant = ""
		post("/meetings/"+meeting+"/notes", `{}`)
	case "search":
		post("/search", `{"q":"x"}`)
	case "leave":
		do(call{method: "POST", url: gateway + "/search", body: `{"q":"x"}`, tenant: tenant, mark: m, leave: time.Duration(150+mrand.Intn(350)) * time.Millisecond})
	case "empty":
		post("/search", `{"q":""}`)
	case "actions":
		poll(gateway, post("/actions", fmt.Sprintf(`{"meeting":%q,"items":%d}`, meeting, 1+mrand.Intn(5)))["run_id"], mrand.Intn(2))
	case "toomany":
		post("/actions", fmt.Sprintf(`{"meeting":%q,"items":9}`, meeting))
	case "trial":
		tenant = "trial-7"
		for i := 0; i < 7; i++ {
			m.Scenario = "search_429" // the first four are let through
			post("/search", `{"q":"x"}`)
		}
	case "bill":
		run := do(call{method: "POST", url: billing + "/accounts/" + meeting + "/notes", body: `{"amount":12}`, mark: m})["run_id"]
		poll(billing, run, mrand.Intn(2))
	case "billbroken":
		do(call{method: "POST", url: billing + "/accounts/" + meeting + "/notes", body: `{`, mark: m})
	case "health":
		do(call{method: "GET", url: gateway + "/healthz", mark: m})
		do(call{method: "GET", url: billing + "/healthz", mark: m})
	}
}

func main() {
	length := flag.Duration("length", 100*time.Second, "how long requests are sent")
	crash := flag.Duration("crash", 50*time.Second, "when the orchestrator is going to crash")
	seed := flag.Int64("seed", 1, "")
	flag.Parse()
	truth.Open("load", "")
	mrand.Seed(*seed)
	type due struct {
		at time.Duration
		s  scenario
	}
	var all []due
	for _, s := range plan {
		for i := 0; i < s.count; i++ {
			all = append(all, due{time.Duration(mrand.Int63n(int64(*length))), s})
		}
	}
	for i := 0; i < 6; i++ { // in the hands of the orchestrator when it crashes
		all = append(all, due{*crash - time.Duration(300+200*i)*time.Millisecond, scenario{"notes_crash", "notes", 1, "scribe-2=slow1400"}})
	}
	for t := time.Duration(0); t < *length; t += 5 * time.Second {
		all = append(all, due{t, scenario{"health", "health", 1, ""}})
	}
	all = append(all, due{*length / 3, scenario{"search_429", "trial", 1, ""}})
	sort.SliceStable(all, func(i, j int) bool { return all[i].at < all[j].at })
	start := time.Now()
	var wg sync.WaitGroup
	for _, d := range all {
		time.Sleep(time.Until(start.Add(d.at)))
		wg.Add(1)
		go func(s scenario) { defer wg.Done(); play(s) }(d.s)
	}
	wg.Wait()
}
