package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	_ "github.com/lib/pq"
	"github.com/rs/xid"
	"github.com/rs/zerolog/log"
)

var (
	output io.Writer = os.Stdout
	db     *sql.DB
	rdb    *redis.Pool
)

func openStores() {
	var err error
	if db, err = sql.Open("postgres", os.Getenv("DATABASE_URL")); err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(12)
	db.SetMaxIdleConns(12)
	rdb = &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) { return redis.Dial("tcp", os.Getenv("REDIS_ADDR")) }}
}

// queryID runs a statement with "returning id".
var queryID = func(ctx context.Context, q string, args ...any) (id int64, err error) {
	err = db.QueryRowContext(ctx, q, args...).Scan(&id)
	return
}

func tableOf(q string) (string, string) {
	w := strings.Fields(q)
	if w[0] == "update" {
		return w[0], w[1]
	}
	return w[0], w[2]
}

// write is every insert and update that somebody may ask about later.
func write(ctx context.Context, q string, args ...any) (int64, error) {
	start := time.Now()
	op, table := tableOf(q)
	id, err := queryID(ctx, q, args...)
	l := log.Ctx(ctx)
	if err != nil {
		l.Error().Err(err).Str("table", table).Dur("duration", time.Since(start)).Msg("db " + op + " failed")
		return 0, err
	}
	l.Info().Str("table", table).Dur("duration", time.Since(start)).Msg("db " + op)
	return id, nil
}

var enqueue = func(ctx context.Context, jobID, kind string, payload []byte) error {
	c := rdb.Get()
	defer c.Close()
	c.Send("HSET", "job:"+jobID, "kind", kind, "state", "queued", "created", time.Now().UnixMilli())
	_, err := c.Do("XADD", "castnotes:jobs", "*", "job", jobID, "kind", kind, "payload", payload, "sent", time.Now().UnixMilli())
	return err
}

func sendJob(ctx context.Context, kind string, episode int64, more map[string]any) (string, error) {
	start, i, id := time.Now(), idsOf(ctx), xid.New().String()
	p := map[string]any{"episode_id": episode, "req_id": i.request}
	if i.trace != "" {
		p["trace_id"] = i.trace
	}
	for k, v := range more {
		p[k] = v
	}
	b, _ := json.Marshal(p)
	if err := enqueue(ctx, id, kind, b); err != nil {
		log.Ctx(ctx).Error().Err(err).Str("kind", kind).Msg("could not enqueue job")
		return "", err
	}
	log.Ctx(ctx).Info().Str("job_id", id).Str("kind", kind).Dur("duration", time.Since(start)).Msg("job enqueued")
	return id, nil
}
