package main

import (
	"net"
	"strings"
	"testing"
)

// TestInvitationNamesCurlAsTheShellDoes looks at the commands that the server of -addr prints.
func TestInvitationNamesCurlAsTheShellDoes(t *testing.T) {
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	for goos, want := range map[string]string{"linux": "  curl http", "windows": "  curl.exe http"} {
		text := invitation(at, goos)
		if n := strings.Count(text, "\n  curl"); n != strings.Count(text, "\n"+strings.TrimSuffix(want, " http")+" ") || !strings.Contains(text, want+"://127.0.0.1:8080/slow\n") {
			t.Errorf("%s: every command should start with %q:\n%s", goos, strings.TrimSuffix(want, " http"), text)
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
