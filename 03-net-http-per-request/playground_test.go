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
