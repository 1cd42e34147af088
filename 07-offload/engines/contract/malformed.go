package contract

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	faktory "github.com/contribsys/faktory/client"
	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// These put a payload into a system's queue as another program could: past the web
// process, which checks what it accepts.

func malformedAsynq(at, payload string) error {
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: at})
	defer client.Close()
	_, err := client.Enqueue(asynq.NewTask("welcome-mail", []byte(payload)), asynq.MaxRetry(24))
	return err
}

func malformedFaktory(at, payload string) error {
	server := faktory.DefaultServer()
	server.Address = at
	client, err := server.Open()
	if err != nil {
		return err
	}
	defer client.Close()
	var argument any = payload // a job is JSON as a whole, so its argument is at worst another value
	json.Unmarshal([]byte(payload), &argument)
	return client.Push(faktory.NewJob("welcome-mail", argument))
}

func malformedRabbitMQ(at, payload string) error {
	conn, err := amqp.Dial(at)
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	return ch.Publish("", "signups", false, false, amqp.Publishing{Body: []byte(payload)})
}

func malformedKafka(at, payload string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(at))
	if err != nil {
		return err
	}
	defer client.Close()
	return client.ProduceSync(context.Background(), &kgo.Record{Topic: "signups", Value: []byte(payload)}).FirstErr()
}

func malformedRiver(at, payload string) error {
	if !json.Valid([]byte(payload)) {
		return errors.ErrUnsupported // the column has the type jsonb
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, at)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, `insert into river_job (kind, args, max_attempts, state, priority, queue, scheduled_at)
		values ('welcome_email', $1::jsonb, 25, 'available', 1, 'default', now())`, payload)
	return err
}
