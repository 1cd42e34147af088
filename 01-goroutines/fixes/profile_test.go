package exercise_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/01-goroutines/fixes"
)

// A store answers after a time, and with an error if there is one.
type store struct{ name, orders, reviews answer }

type answer struct {
	after time.Duration
	err   error
}

func (a answer) get(s string) (string, error) {
	time.Sleep(a.after)
	if a.err != nil {
		return "", a.err
	}
	return s, nil
}

func (s store) Name(int) (string, error) { return s.name.get("Ada") }

func (s store) Orders(int) ([]string, error) {
	order, err := s.orders.get("tea")
	return []string{order}, err
}

func (s store) Reviews(int) ([]string, error) {
	review, err := s.reviews.get("good")
	return []string{review}, err
}

func TestProfileReturnsTheErrorOfEveryPart(t *testing.T) {
	alone(t, "section 1.8: goroutines share the variables that they capture, and the last write stays", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			down := errors.New("the database is down")
			wrapped := fmt.Errorf("reviews: %w", down) // has another type
			failed, slow := answer{time.Second, down}, answer{2 * time.Second, nil}
			for _, c := range []struct {
				what string
				db   store
			}{
				{"the orders fail, and a second later the reviews arrive", store{orders: failed, reviews: slow}},
				{"the reviews fail, and a second later the orders arrive", store{orders: slow, reviews: failed}},
				{"the orders arrive, and a second later the reviews fail", store{reviews: failed}},
				{"the reviews arrive, and a second later the orders fail", store{orders: failed}},
				{"the orders and the reviews fail", store{orders: failed, reviews: answer{time.Second, wrapped}}},
				{"the name fails", store{name: failed}},
			} {
				p, err := LoadProfile(c.db, 1)
				if err != nil && !errors.Is(err, down) {
					t.Fatalf("%s: LoadProfile returned the error %q, which does not wrap the error of the Store, %q\n→ to add text to an error, use fmt.Errorf with %%w", c.what, err, down)
				} else if err == nil {
					t.Errorf("%s: LoadProfile returned the error %v, want %q", c.what, err, down)
				} else if p.Name != "" || p.Orders != nil || p.Reviews != nil {
					t.Errorf("%s: LoadProfile returned an error and %+v, want an empty Profile", c.what, p)
				}
				time.Sleep(time.Hour)
			}
		})
	})
}

func TestProfileLoadsOrdersAndReviewsAtTheSameTime(t *testing.T) {
	alone(t, "section 1.6: goroutines block concurrently", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			second := answer{time.Second, nil}
			began := time.Now()
			p, err := LoadProfile(store{second, second, second}, 1)
			if err != nil || p.Name != "Ada" || len(p.Orders) != 1 || p.Orders[0] != "tea" || len(p.Reviews) != 1 || p.Reviews[0] != "good" {
				t.Errorf("nothing fails: got %+v and the error %v, want Ada with one order and one review", p, err)
			}
			switch d := time.Since(began); {
			case d < 2*time.Second:
				t.Errorf("the name, the orders and the reviews need a second each: LoadProfile took %v, want 2s: the name first, then the others", d)
			case d > 2*time.Second:
				t.Errorf("the name, the orders and the reviews need a second each: LoadProfile took %v, want 2s", d)
			}
			time.Sleep(time.Hour)
		})
	})
}
