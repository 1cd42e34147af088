package exercise_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/04-handler-goroutine-pitfall/fixes"
)

type traceID struct{}

// send sends an order as net/http does: it cancels the request's context when the
// handler has returned. It returns the response and how long the handler took.
func send(shop *Shop) (status int, took time.Duration) {
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), traceID{}, "trace 7"))
	defer cancel()
	began := time.Now()
	w := httptest.NewRecorder()
	body := &form{Reader: strings.NewReader("order=tea")}
	r := httptest.NewRequest(http.MethodPost, "/orders", body).WithContext(ctx)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	shop.ServeHTTP(w, r)
	body.closed = true // as by net/http: the request belongs to the handler only until it returns
	return w.Code, time.Since(began)
}

// A form is the body of a request.
type form struct {
	io.Reader
	closed bool
}

func (f *form) Read(b []byte) (int, error) {
	if f.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return f.Reader.Read(b)
}

func TestReceiptIsSentAfterTheHandlerHasReturned(t *testing.T) {
	alone(t, "section 4.5: r.Context() is canceled when the handler returns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var err error
			var called, returned atomic.Int32
			var sent string
			shop := &Shop{SendReceipt: func(ctx context.Context, order string) error {
				called.Add(1)
				defer returned.Add(1)
				select {
				case <-ctx.Done():
					err = ctx.Err()
				case <-time.After(30 * time.Second):
					sent = order
				}
				return err
			}}
			if status, took := send(shop); status != http.StatusCreated || took != 0 {
				t.Errorf("the receipt takes 30s: the handler responded with %d after %v, want 201 after 0s", status, took)
			}
			shop.Close()
			switch {
			case returned.Load() == 0:
				t.Error("Close returned, but SendReceipt has not returned: the receipt is lost when the program ends\n→ s.receipts: is the goroutine counted before it starts? (section 1.5 in chapter 01)")
			case called.Load() > 1:
				t.Errorf("one order was sent, but SendReceipt was called %d times", called.Load())
			case err != nil:
				t.Errorf("the receipt takes 30s and has one minute, but its context is done before: %v", err)
			case sent != "tea":
				t.Errorf("the receipt of %q was sent, want that of \"tea\"\n→ the line that reads the form: may it still do so after the handler has returned?", sent)
			}
			time.Sleep(time.Hour)
		})
	})
}

func TestReceiptHasOneMinute(t *testing.T) {
	alone(t, "section 4.5: context.WithoutCancel removes the deadline, too. Add a timeout after it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			shop := &Shop{SendReceipt: func(ctx context.Context, _ string) error {
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
				}
				return ctx.Err()
			}}
			send(shop)
			shop.Close()
			if took := time.Since(began); took != time.Minute {
				t.Errorf("the receipt takes an hour and has one minute, but its context was done after %v", took)
			}
			time.Sleep(time.Hour)
			began = time.Now()
			send(shop)
			shop.Close()
			if took := time.Since(began); took != time.Minute && !t.Failed() {
				t.Errorf("the second receipt has one minute, too, but its context was done after %v: it has the deadline of the first one", took)
			}
		})
	})
}

func TestReceiptKeepsTheTrace(t *testing.T) {
	alone(t, "section 4.5: context.WithoutCancel keeps the values of the request's context, context.Background has none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var trace any
			shop := &Shop{SendReceipt: func(ctx context.Context, _ string) error {
				trace = ctx.Value(traceID{})
				return nil
			}}
			send(shop)
			shop.Close()
			if trace != "trace 7" {
				t.Errorf("the context of the receipt has lost the trace of the request: got %v", trace)
			}
		})
	})
}
