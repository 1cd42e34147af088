package main

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestManyCallersShareOneAttemptToConnect, in fake time: after a failure the next attempt is
// 200 ms later. (This URL cannot be used, so no attempt needs the network.)
func TestManyCallersShareOneAttemptToConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPublisher("no URL", false)
		failed := func() error {
			err := p.do(func(*channel) error { t.Error("there is no broker, but a channel"); return nil })
			if err == nil {
				t.Fatal("there is no broker, but no error")
			}
			return err
		}
		first, began := failed(), p.since
		for range 3 {
			if err := failed(); err != first || p.since != began {
				t.Errorf("a caller made an attempt of its own, %v after the first: %v", p.since.Sub(began), err)
			}
			time.Sleep(66 * time.Millisecond)
		}
		time.Sleep(2 * time.Millisecond)
		if failed(); p.since.Sub(began) != 200*time.Millisecond {
			t.Errorf("the last attempt was %v after the first, want 200ms", p.since.Sub(began))
		}
	})
}
