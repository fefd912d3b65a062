// Stand-ins for what is outside: two model providers and an issue tracker. They play the faults that a request brings along, and write no log.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"notes/truth"
)

var (
	mu    sync.Mutex
	count = map[string]int{}
)

func nth(key string) int {
	mu.Lock()
	defer mu.Unlock()
	count[key]++
	return count[key] - 1
}

func model(w http.ResponseWriter, r *http.Request) {
	mark := truth.Parse(r.Header.Get(truth.Header))
	var in struct{ Model string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	use := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	step := mark.Step(in.Model, nth(mark.Owner+" "+in.Model))
	truth.Note("provider", mark, map[string]any{"model": in.Model, "step": step})
	base := map[string][2]int{"transcribe": {250, 700}, "chat": {150, 600}, "embed": {15, 50}}[use]
	ms := base[0] + rand.Intn(base[1])
	switch {
	case strings.HasPrefix(step, "slow"):
		ms, _ = strconv.Atoi(step[4:])
	case step == "hang":
		ms = 10_000
	case step != "ok" && step != "bad":
		ms = 20 + rand.Intn(60)
	}
	select {
	case <-time.After(time.Duration(ms) * time.Millisecond):
	case <-r.Context().Done():
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if code, err := strconv.Atoi(step); err == nil {
		w.WriteHeader(code)
		fmt.Fprint(w, `{}`)
		return
	}
	id := map[string]string{"transcribe": "scr-", "chat": "cmpl-", "embed": "emb-"}[use] + strings.ReplaceAll(uuid.NewString(), "-", "")[:24]
	_ = json.NewEncoder(w).Encode(map[string]any{"id": id, "valid": step != "bad", "usage": map[string]int{"in": 200 + rand.Intn(3000), "out": 20 + rand.Intn(400)}})
}

func tracker(w http.ResponseWriter, r *http.Request) {
	mark := truth.Parse(r.Header.Get(truth.Header))
	step := mark.Step("tool", nth(mark.Owner+" tool "+r.Header.Get("X-Job")))
	time.Sleep(time.Duration(40+rand.Intn(160)) * time.Millisecond)
	if code, err := strconv.Atoi(step); err == nil {
		w.WriteHeader(code)
		return
	}
	w.WriteHeader(201)
	fmt.Fprintf(w, `{"ticket":"MN-%d"}`, 1000+rand.Intn(9000))
}

func main() {
	truth.Open("standin", "")
	rand.Seed(time.Now().UnixNano())
	for _, addr := range []string{os.Getenv("NORTH_ADDR"), os.Getenv("SOUTH_ADDR")} {
		go func(a string) { panic(http.ListenAndServe(a, http.HandlerFunc(model))) }(addr)
	}
	panic(http.ListenAndServe(os.Getenv("TRACKER_ADDR"), http.HandlerFunc(tracker)))
}
