package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/log"
)

// Plain HTTP against both providers; three attempts at the first, two at the second.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

const attemptTimeout = 3 * time.Second

type modelError struct {
	model   string
	status  int
	reqID   string
	after   time.Duration
	timeout bool
}

func (e *modelError) Error() string {
	if e.timeout {
		return e.model + ": no answer within " + attemptTimeout.String()
	}
	return fmt.Sprintf("%s: status %d", e.model, e.status)
}

type answer struct{ id, model, text string }

var chain = []struct {
	model string
	tries int
}{{"gpt-5-mini", 3}, {"claude-haiku-4-5", 2}}

func request(ctx context.Context, model, system, user string, stream bool) (*http.Response, error) {
	msg := func(role, text string) map[string]string { return map[string]string{"role": role, "content": text} }
	body, url := map[string]any{"model": model, "messages": []any{msg("system", system), msg("user", user)}}, os.Getenv("OPENAI_BASE_URL")+"/chat/completions"
	if strings.HasPrefix(model, "claude") {
		body, url = map[string]any{"model": model, "max_tokens": 1024, "system": system, "messages": []any{msg("user", user)}}, os.Getenv("ANTHROPIC_BASE_URL")+"/v1/messages"
	}
	if stream {
		body["stream"] = true
	}
	b, _ := json.Marshal(body)
	req, _ := http.NewRequestWithContext(ctx, "POST", url, bytes.NewReader(b))
	req.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(model, "claude") {
		req.Header.Set("x-api-key", os.Getenv("ANTHROPIC_API_KEY"))
		req.Header.Set("anthropic-version", "2023-06-01")
	} else {
		req.Header.Set("Authorization", "Bearer "+os.Getenv("OPENAI_API_KEY"))
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 400 {
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		e := &modelError{model: model, status: res.StatusCode, reqID: res.Header.Get("x-request-id") + res.Header.Get("request-id")}
		if s, err := strconv.Atoi(res.Header.Get("retry-after")); err == nil {
			e.after = time.Duration(s) * time.Second
		}
		return nil, e
	}
	return res, nil
}

// call tries the chain until `use` has read a whole answer. `use` says whether anything was handed on already: then there is no second attempt.
func call(ctx context.Context, prompt, system, user string, stream bool, use func(model string, res *http.Response, start time.Time, ev func(*zerolog.Event) *zerolog.Event) (bool, error)) error {
	var last error
	l := log.Ctx(ctx)
	for i, c := range chain {
		if i > 0 {
			l.Warn().Str("from", chain[i-1].model).Str("to", c.model).Msg("model fallback")
		}
		for n := 1; n <= c.tries; n++ {
			start := time.Now()
			actx, cancel := context.WithCancel(ctx)
			timer := time.AfterFunc(attemptTimeout, cancel)
			with := func(e *zerolog.Event) *zerolog.Event {
				return e.Str("model", c.model).Str("prompt", prompt).Int("attempt", n).Dur("duration", time.Since(start))
			}
			res, err := request(actx, c.model, system, user, stream)
			if err == nil {
				if stream {
					timer.Stop()
				}
				var done bool
				done, err = use(c.model, res, start, with)
				res.Body.Close()
				if done || err == nil {
					timer.Stop()
					cancel()
					return err
				}
			}
			timer.Stop()
			timedOut := actx.Err() != nil && ctx.Err() == nil
			cancel()
			var me *modelError
			wait := 500 * time.Millisecond << (n - 1)
			switch {
			case ctx.Err() != nil:
				with(l.Warn()).Msg("model call canceled")
				return ctx.Err()
			case timedOut:
				last = &modelError{model: c.model, timeout: true}
				with(l.Warn()).Msg("model call timed out")
			case errors.As(err, &me):
				last = me
				with(l.Warn()).Int("status", me.status).Str("provider_request_id", me.reqID).Msg("model call failed")
				if me.after > 0 {
					wait = me.after
				}
			default:
				last = err
				with(l.Warn()).Err(err).Msg("model call failed")
			}
			if n < c.tries {
				l.Info().Str("model", c.model).Dur("wait", wait).Msg("retrying after pause")
				select {
				case <-time.After(wait):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
	}
	return last
}

func complete(ctx context.Context, prompt, system, user string) (*answer, error) {
	var a *answer
	err := call(ctx, prompt, system, user, false, func(model string, res *http.Response, start time.Time, ev func(*zerolog.Event) *zerolog.Event) (bool, error) {
		var d struct {
			ID      string
			Choices []struct{ Message struct{ Content string } }
			Content []struct{ Text string }
			Usage   struct {
				PromptTokens     int `json:"prompt_tokens"`
				CompletionTokens int `json:"completion_tokens"`
				InputTokens      int `json:"input_tokens"`
				OutputTokens     int `json:"output_tokens"`
			}
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return false, err
		}
		if err := json.Unmarshal(b, &d); err != nil {
			return false, err
		}
		a = &answer{id: d.ID, model: model}
		if len(d.Choices) > 0 {
			a.text = d.Choices[0].Message.Content
		} else if len(d.Content) > 0 {
			a.text = d.Content[0].Text
		}
		ev(log.Ctx(ctx).Info()).Str("completion_id", d.ID).Int("tokens_in", d.Usage.PromptTokens+d.Usage.InputTokens).Int("tokens_out", d.Usage.CompletionTokens+d.Usage.OutputTokens).Msg("model call ok")
		return true, nil
	})
	return a, err
}

func stream(ctx context.Context, prompt, system, user string, emit func(string)) error {
	return call(ctx, prompt, system, user, true, func(model string, res *http.Response, start time.Time, ev func(*zerolog.Event) *zerolog.Event) (bool, error) {
		id, parts, whole := "", 0, false
		var ttft time.Duration
		sc := bufio.NewScanner(res.Body)
		for sc.Scan() {
			data, ok := strings.CutPrefix(sc.Text(), "data: ")
			if !ok {
				continue
			}
			if data == "[DONE]" {
				whole = true
				continue
			}
			var d struct {
				ID, Type string
				Message  struct{ ID string }
				Choices  []struct{ Delta struct{ Content string } }
				Delta    struct{ Text string }
			}
			if json.Unmarshal([]byte(data), &d) != nil {
				continue
			}
			if d.ID+d.Message.ID != "" {
				id = d.ID + d.Message.ID
			}
			whole = whole || d.Type == "message_stop"
			text := d.Delta.Text
			if len(d.Choices) > 0 {
				text = d.Choices[0].Delta.Content
			}
			if text != "" {
				if parts == 0 {
					ttft = time.Since(start)
				}
				parts++
				emit(text)
			}
		}
		l := log.Ctx(ctx)
		switch {
		case ctx.Err() != nil:
			ev(l.Warn()).Str("completion_id", id).Dur("ttft", ttft).Msg("model stream canceled")
			return true, ctx.Err()
		case !whole:
			err := sc.Err()
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			ev(l.Error()).Err(err).Str("completion_id", id).Dur("ttft", ttft).Msg("model stream broke")
			return true, err
		}
		ev(l.Info()).Str("completion_id", id).Dur("ttft", ttft).Msg("model stream ok")
		return true, nil
	})
}
