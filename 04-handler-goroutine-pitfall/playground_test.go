package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestSignUpCommandSuitsTheShell compares the command that the server of -addr prints.
func TestSignUpCommandSuitsTheShell(t *testing.T) {
	for goos, want := range map[string]string{
		"linux":   `curl -i http://h/x -d '{"name":"Ada","email":"ada@example.com"}'`,
		"windows": `Invoke-WebRequest -UseBasicParsing -Method Post http://h/x -Body '{"name":"Ada","email":"ada@example.com"}'`,
	} {
		if got := signUp("http://h/x", goos); got != want {
			t.Errorf("%s: got %s, want %s", goos, got, want)
		}
	}
}

// TestPlaygroundHidesProfilesFromOtherMachines requests a profile from both kinds of server.
func TestPlaygroundHidesProfilesFromOtherMachines(t *testing.T) {
	for local, want := range map[bool]int{true: http.StatusOK, false: http.StatusNotFound} {
		w := httptest.NewRecorder()
		h := playgroundHandler(http.NotFoundHandler(), http.NotFoundHandler(), local)
		h.ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof/goroutine?debug=1", nil))
		if w.Code != want {
			t.Errorf("loopback: %t: got status %d for a profile, want %d", local, w.Code, want)
		}
	}
}

// TestAddressNeedsAPort has addresses that a server can listen at, and others.
func TestAddressNeedsAPort(t *testing.T) {
	for _, addr := range []string{"localhost:8080", ":0", "[::1]:65535", "localhost:http"} {
		if !isAddress(addr) {
			t.Errorf("%q is refused", addr)
		}
	}
	for _, addr := range []string{"", "localhost", "8080", "localhost:65536", "localhost:-1", "localhost:99999999", "::1:80"} {
		if isAddress(addr) {
			t.Errorf("%q is accepted", addr)
		}
	}
}
