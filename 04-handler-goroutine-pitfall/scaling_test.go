package main

import (
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestLeakyGrowsWithTheTraffic counts goroutines while the mail server hangs (negative control of 4.3).
func TestLeakyGrowsWithTheTraffic(t *testing.T) {
	for _, requests := range []int{10, 200} {
		synctest.Test(t, func(t *testing.T) {
			server := NewMailServer()
			server.Hangs = true
			accepted(t, &Leaky{Mailer{server.DialPipe}}, requests)
			synctest.Wait()
			if peak := Inside("(*Leaky).sendWelcome"); peak != requests {
				t.Errorf("%d requests, and %d goroutines send mails: want one each, without bound", requests, peak)
			}
			server.Recover()
		})
	}
}

// TestFixedTakesWhatItHasRoomForAndRefusesTheRest sends more than there is room
// for while the mail server hangs (claim 4.3).
func TestFixedTakesWhatItHasRoomForAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		const senders, room, requests = 4, 12, 60
		fixed := NewFixed(Mailer{server.DialPipe}, senders, room, time.Hour, slog.New(slog.DiscardHandler))
		told := make(map[int]int)
		for range requests {
			answer := post(fixed, ada)
			told[answer.StatusCode]++
			if answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") == "" {
				t.Error("refused, and not told when to come back")
			}
		}
		synctest.Wait()
		if told[http.StatusAccepted] != room || told[http.StatusServiceUnavailable] != requests-room {
			t.Errorf("with room for %d of %d mails the answers were %v", room, requests, told)
		}
		if peak := Inside("(*Fixed).send"); peak != senders {
			t.Errorf("%d goroutines send mails at once, and should be %d", peak, senders)
		}

		server.Recover()
		synctest.Wait()
		accepted(t, fixed, 1) // there is room again
		fixed.Shutdown(t.Context())
		if n, all := len(server.Delivered()), told[http.StatusAccepted]+1; n != all {
			t.Errorf("%d mails were accepted and %d delivered", all, n)
		}
	})
}
