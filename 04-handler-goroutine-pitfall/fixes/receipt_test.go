package exercise

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

type traceID struct{}

// send sends an order as net/http does: it cancels the request's context when the
// handler has returned. It returns the response and how long the handler took.
func send(shop *Shop) (status int, took time.Duration) {
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), traceID{}, "trace 7"))
	defer cancel()
	began := time.Now()
	w := httptest.NewRecorder()
	shop.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/orders?order=tea", nil).WithContext(ctx))
	return w.Code, time.Since(began)
}

func TestReceiptIsSentAfterTheHandlerHasReturned(t *testing.T) {
	alone(t, "section 4.5: r.Context() is canceled when the handler returns", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var err error
			var sent string
			shop := &Shop{SendReceipt: func(ctx context.Context, order string) error {
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
			if err != nil || sent != "tea" {
				t.Errorf("the receipt takes 30s and has one minute, but its context is done before (%v), and %q was sent, want the receipt of \"tea\"", err, sent)
			}
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
