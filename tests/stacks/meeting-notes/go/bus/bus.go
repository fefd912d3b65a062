// Package bus holds the RabbitMQ queues of the product: each has a delay queue for rejected messages, and all share one for dead letters.
package bus

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"notes/truth"
)

const DeadLetters = "dlq"

var Queues = []string{"transcribe", "summarise", "store", "embed", "dispatch", "action", "join"}

const redeliveryDelay = 1500 // ms

type Bus struct {
	conn *amqp.Connection
	mu   sync.Mutex
	pub  *amqp.Channel
}

type Message struct {
	RunID   string `json:"run_id"`
	Meeting string `json:"meeting,omitempty"`
	Job     int64  `json:"job,omitempty"`
	Total   int    `json:"total,omitempty"`
}

func Dial(name string) *Bus {
	for i := 0; ; i++ {
		conn, err := amqp.DialConfig(os.Getenv("AMQP_URL"), amqp.Config{Properties: amqp.Table{"connection_name": name}, Heartbeat: 10 * time.Second})
		if err == nil {
			ch, err := conn.Channel()
			if err != nil {
				panic(err)
			}
			b := &Bus{conn: conn, pub: ch}
			b.declare()
			return b
		}
		if i > 50 {
			panic(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (b *Bus) declare() {
	must := func(name string, args amqp.Table) {
		if _, err := b.pub.QueueDeclare(name, true, false, false, false, args); err != nil {
			panic(err)
		}
	}
	for _, q := range Queues {
		must(q, amqp.Table{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": q + ".retry"})
		must(q+".retry", amqp.Table{"x-message-ttl": int32(redeliveryDelay), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": q})
	}
	must(DeadLetters, nil)
}

func (b *Bus) Publish(queue, id string, m Message, mark truth.Mark) error {
	body, _ := json.Marshal(m)
	mark.At = time.Now().UnixNano()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pub.PublishWithContext(context.Background(), "", queue, false, false, amqp.Publishing{
		MessageId: id, ContentType: "application/json", DeliveryMode: amqp.Persistent, Body: body, Headers: amqp.Table{truth.Header: mark.String()},
	})
}

// Bury moves a message to the dead letters.
func (b *Bus) Bury(d amqp.Delivery) {
	b.mu.Lock()
	_ = b.pub.PublishWithContext(context.Background(), "", DeadLetters, false, false, amqp.Publishing{MessageId: d.MessageId, Body: d.Body, DeliveryMode: amqp.Persistent})
	b.mu.Unlock()
	_ = d.Ack(false)
}

func (b *Bus) Consume(queue string, prefetch int) <-chan amqp.Delivery {
	ch, err := b.conn.Channel()
	if err != nil {
		panic(err)
	}
	if err = ch.Qos(prefetch, 0, false); err != nil {
		panic(err)
	}
	d, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		panic(err)
	}
	return d
}

// Attempt counts from 1; the broker keeps the number of rejections in the x-death header.
func Attempt(d amqp.Delivery) int {
	n := 1
	if deaths, ok := d.Headers["x-death"].([]interface{}); ok {
		for _, x := range deaths {
			if t, ok := x.(amqp.Table); ok && t["reason"] == "rejected" {
				if c, ok := t["count"].(int64); ok {
					n += int(c)
				}
			}
		}
	}
	return n
}

func Read(d amqp.Delivery) (m Message, mark truth.Mark) {
	_ = json.Unmarshal(d.Body, &m)
	s, _ := d.Headers[truth.Header].(string)
	return m, truth.Parse(s)
}

// Task opens the truth of one execution of a message.
func Task(d amqp.Delivery, queue string, mark truth.Mark, id string) *truth.Op {
	return truth.Begin(mark, "task", queue, map[string]any{"id": id, "published_at": mark.At, "attempt": Attempt(d), "redelivered": d.Redelivered})
}
