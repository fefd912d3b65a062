package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/gomodule/redigo/redis"
	"github.com/rs/zerolog/log"
)

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	log.Ctx(r.Context()).Warn().Int("code", status).Msg("refused: " + why)
	reply(w, status, map[string]string{"error": why})
}

func auth(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer cn_live" {
			refuse(w, r, 401, "bad token")
			return
		}
		next.ServeHTTP(w, r)
	})
}

type episode struct {
	ID                int64
	Title, Transcript string
	Minutes           int
	State             string
}

func load(w http.ResponseWriter, r *http.Request) *episode {
	var e episode
	id, _ := strconv.ParseInt(chi.URLParam(r, "id"), 10, 64)
	err := db.QueryRowContext(r.Context(), "select id, title, transcript, minutes, state from episodes where id = $1", id).Scan(&e.ID, &e.Title, &e.Transcript, &e.Minutes, &e.State)
	if err != nil {
		refuse(w, r, 404, "no such episode")
		return nil
	}
	return &e
}

func createEpisode(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Title, Transcript string
		Minutes           int
		Publish           bool
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, r, 400, "not json")
		return
	}
	if in.Transcript == "" {
		refuse(w, r, 422, "transcript is missing")
		return
	}
	id, err := write(r.Context(), "insert into episodes (title, transcript, minutes) values ($1, $2, $3) returning id", in.Title, in.Transcript, in.Minutes)
	if err != nil {
		refuse(w, r, 500, "database")
		return
	}
	job, err := sendJob(r.Context(), "summarize", id, map[string]any{"publish": in.Publish})
	if err != nil {
		refuse(w, r, 503, "queue")
		return
	}
	reply(w, 202, map[string]any{"episode_id": id, "job_id": job})
}

func research(w http.ResponseWriter, r *http.Request) {
	e := load(w, r)
	if e == nil {
		return
	}
	job, err := sendJob(r.Context(), "research", e.ID, nil)
	if err != nil {
		refuse(w, r, 503, "queue")
		return
	}
	reply(w, 202, map[string]any{"job_id": job})
}

func getEpisode(w http.ResponseWriter, r *http.Request) {
	e := load(w, r)
	if e == nil {
		return
	}
	reply(w, 200, map[string]any{"id": e.ID, "title": e.Title, "state": e.State, "words_per_minute": len(e.Transcript) / 6 / e.Minutes})
}

func patchEpisode(w http.ResponseWriter, r *http.Request) {
	e := load(w, r)
	if e == nil {
		return
	}
	var in struct{ Title string }
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, r, 400, "not json")
		return
	}
	if _, err := write(r.Context(), "update episodes set title = $1 where id = $2 returning id", in.Title, e.ID); err != nil {
		refuse(w, r, 500, "database")
		return
	}
	reply(w, 200, map[string]any{"id": e.ID})
}

func jobState(w http.ResponseWriter, r *http.Request) {
	c := rdb.Get()
	defer c.Close()
	id := chi.URLParam(r, "id")
	state, err := redis.String(c.Do("HGET", "job:"+id, "state"))
	if err != nil {
		refuse(w, r, 404, "no such job")
		return
	}
	log.Ctx(r.Context()).Info().Str("job_id", id).Str("state", state).Msg("job status")
	reply(w, 200, map[string]any{"job_id": id, "state": state})
}

func modelFailed(w http.ResponseWriter, r *http.Request, err error) {
	status := 502
	var me *modelError
	if r.Context().Err() != nil {
		log.Ctx(r.Context()).Warn().Msg("client is gone")
		w.WriteHeader(499)
		return
	}
	if errors.As(err, &me) && me.timeout {
		status = 504
	}
	log.Ctx(r.Context()).Error().Err(err).Msg("all models failed")
	reply(w, status, map[string]string{"error": "model unavailable"})
}

func ask(w http.ResponseWriter, r *http.Request) {
	e := load(w, r)
	if e == nil {
		return
	}
	var in struct{ Question string }
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuse(w, r, 400, "not json")
		return
	}
	for try := 1; ; try++ {
		a, err := complete(r.Context(), "episode-qa-v4", "Answer about the episode. JSON: answer, minute", e.Transcript+"\n"+in.Question)
		if err != nil {
			modelFailed(w, r, err)
			return
		}
		var out struct {
			Answer string `json:"answer"`
			Minute int    `json:"minute"`
		}
		if err := json.Unmarshal([]byte(a.text), &out); err != nil || out.Answer == "" {
			if try == 2 {
				log.Ctx(r.Context()).Error().Str("model", a.model).Msg("answer unusable")
				reply(w, 502, map[string]string{"error": "bad answer"})
				return
			}
			log.Ctx(r.Context()).Warn().Str("model", a.model).Str("completion_id", a.id).Msg("answer does not parse, asking once more")
			continue
		}
		queryID(r.Context(), "insert into qa_history (episode_id, answer) values ($1, $2) returning id", e.ID, out.Answer)
		reply(w, 200, map[string]any{"answer": out.Answer})
		return
	}
}

func showNotes(w http.ResponseWriter, r *http.Request) {
	e, start := load(w, r), time.Now()
	if e == nil {
		return
	}
	parts, l := 0, log.Ctx(r.Context())
	err := stream(r.Context(), "shownotes-v9", "Write show notes. Markdown.", e.Transcript, func(text string) {
		if parts == 0 {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(200)
		}
		parts++
		b, _ := json.Marshal(text)
		w.Write([]byte("data: " + string(b) + "\n\n"))
		w.(http.Flusher).Flush()
	})
	switch {
	case err == nil:
		write(r.Context(), "insert into show_notes (episode_id, parts) values ($1, $2) returning id", e.ID, parts)
		w.Write([]byte("data: [DONE]\n\n"))
		l.Info().Int("parts", parts).Dur("duration", time.Since(start)).Msg("show notes streamed")
	case parts == 0:
		modelFailed(w, r, err)
	case r.Context().Err() != nil:
		l.Warn().Int("parts", parts).Msg("client left while streaming")
	default:
		l.Error().Err(err).Int("parts", parts).Msg("show notes cut short")
	}
}
