package main

import (
	"strings"
	"testing"
	"testing/synctest"
)

// TestBadSignupsAreRefusedAndNothingIsSent sends what is not a sign-up.
func TestBadSignupsAreRefusedAndNothingIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		fixed := newQuiet(server.DialPipe)
		for body, want := range map[string]int{
			``:                                     400,
			`Ada`:                                  400,
			`{"name":7,"email":"ada@example.com"}`: 400,
			`{"name":"Ada","email":"ada@example.com","admin":true}`: 400,
			ada + ada: 400,
			`{"name":"` + strings.Repeat("A", largestBody) + `"}`:            413,
			`{"name":"","email":"ada@example.com"}`:                          422,
			`{"name":"Ada\r\nBcc: all@example.com","email":"a@example.com"}`: 422,
			`{"name":"Ada","email":"not an address"}`:                        422,
			`{"name":"Ada","email":"Ada <ada@example.com>"}`:                 422,
		} {
			if got := post(fixed, body).StatusCode; got != want {
				t.Errorf("%.60s: told %d, and should be told %d", body, got, want)
			}
		}
		fixed.Shutdown(t.Context())
		if n := len(server.Delivered()); n != 0 {
			t.Errorf("nothing was accepted, and %d mails were sent", n)
		}
	})
}
