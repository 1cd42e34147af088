package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
)

// TestInvalidSignupIsRefusedAndNothingIsSent sends what is not a sign-up, or too much of it.
func TestInvalidSignupIsRefusedAndNothingIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		fixed := newQuiet(server.DialPipe)
		for _, c := range []struct {
			body string
			want int
		}{
			{``, 400},
			{`Ada`, 400},
			{`{"name":7,"email":"ada@example.com"}`, 400},
			{`{"name":"Ada","email":"ada@example.com","admin":true}`, 400},
			{ada + ada, 400},
			{ada + "]", 400},
			{`{"name":"` + strings.Repeat("A", largestBody) + `"}`, 413},
			{ada + strings.Repeat(" ", 4<<10-len(ada)+1), 413}, // a valid sign-up, and one byte too many
			{ada + strings.Repeat(ada, largestBody), 413},
			{`{"name":"","email":"ada@example.com"}`, 422},
			{`{"name":"Ada\r\nBcc: all@example.com","email":"a@example.com"}`, 422},
			{`{"name":"Ada\rBcc: all@example.com","email":"a@example.com"}`, 422},
			{`{"name":"Ada\nBcc: all@example.com","email":"a@example.com"}`, 422},
			{`{"name":"Ada","email":"not an address"}`, 422},
			{`{"name":"Ada","email":"Ada <ada@example.com>"}`, 422},
		} {
			resp := post(fixed, c.body)
			if resp.StatusCode != c.want {
				t.Errorf("%.60s (%d bytes): got status %d, want %d", c.body, len(c.body), resp.StatusCode, c.want)
			}
			why, _ := io.ReadAll(resp.Body)
			if reason := regexp.MustCompile(map[int]string{400: "^not a sign-up such as .*: .+\n", 413: "too large", 422: " must be "}[c.want]); !reason.Match(why) {
				t.Errorf("%.60s (%d bytes): the response must say what is wrong, got %q", c.body, len(c.body), why)
			}
		}
		fixed.Shutdown(t.Context())
		if n := len(server.Delivered()); n != 0 {
			t.Errorf("no sign-up was valid, but %d emails were sent", n)
		}
	})
}

// TestLargestBodyIsAccepted: a valid sign-up of exactly the limit.
func TestLargestBodyIsAccepted(t *testing.T) {
	fixed := newQuiet(NewMailServer().DialPipe)
	if got := post(fixed, ada+strings.Repeat(" ", 4<<10-len(ada))).StatusCode; got != 202 {
		t.Errorf("a sign-up of 4 KB: got status %d, want 202", got)
	}
	fixed.Shutdown(t.Context())
}

// TestOtherMethodThanPostIsNotAllowed sends a valid sign-up with other methods, to both handlers.
func TestOtherMethodThanPostIsNotAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		fixed := newQuiet(server.DialPipe)
		for _, h := range []http.Handler{&Leaky{Mailer{server.DialPipe}}, fixed} {
			for _, method := range []string{"GET", "PUT", "DELETE"} {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(method, "/signups", strings.NewReader(ada)))
				if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
					t.Errorf("%s: got status %d and Allow %q, want 405 and POST", method, w.Code, w.Header().Get("Allow"))
				}
				if got, want := w.Body.String(), "send a sign-up with POST\n"; got != want {
					t.Errorf("%s: the response must say what is wrong, got %q, want %q", method, got, want)
				}
			}
		}
		fixed.Shutdown(t.Context())
		synctest.Wait()
		if n := len(server.Delivered()); n != 0 {
			t.Errorf("no sign-up came with POST, but %d emails were sent", n)
		}
	})
}
