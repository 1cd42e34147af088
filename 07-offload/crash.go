package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// A Crash is what came of sign-ups during which the broker was killed.
type Crash struct {
	accepted []string // the jobs
	restart  time.Duration
	key      string // each sign-up's Idempotency-Key contains it
}

// crash has clients sign up, each time until the answer is 202, and kills the
// broker when the first client is halfway. The broker restarts after the first
// 503, so every run has one.
func (s *System) crash(ctx context.Context, clients, each int) Crash {
	c := Crash{key: rand.Text()}
	halfway, killed, refusal := make(chan bool, clients), make(chan bool), make(chan bool, 1)
	var mu sync.Mutex // guards c and other
	var other error
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := range each {
				if i == each/2 {
					halfway <- true
					<-killed
				}
				key := fmt.Sprint(c.key, " client ", client, " sign-up ", i)
				for accepted := false; !accepted && ctx.Err() == nil; { // the same key until it is accepted
					id, status := s.trySignUp(ctx, "ada@example.com", key)
					mu.Lock()
					switch status {
					case http.StatusAccepted:
						c.accepted, accepted = append(c.accepted, id), true
					case http.StatusServiceUnavailable:
					default:
						other, accepted = fmt.Errorf("a sign-up was answered with %d", status), true
					}
					mu.Unlock()
					if !accepted {
						select {
						case refusal <- true:
						default:
						}
						sleep(ctx, 20*time.Millisecond)
					}
				}
			}
		})
	}
	<-halfway
	s.broker.Kill()
	close(killed)
	<-refusal
	began := time.Now()
	s.do(func() { must(s.broker.Restart()) })
	c.restart = time.Since(began)
	wg.Wait()
	must(other)
	return c
}
