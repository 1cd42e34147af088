package main

import "testing"

// TestSignUpCommandIsOneThatTheShellUnderstands looks at the command that the server of -addr prints.
func TestSignUpCommandIsOneThatTheShellUnderstands(t *testing.T) {
	for goos, want := range map[string]string{
		"linux":   `curl -i http://h/x -d '{"name":"Ada","email":"ada@example.com"}'`,
		"windows": `Invoke-WebRequest -UseBasicParsing -Method Post http://h/x -Body '{"name":"Ada","email":"ada@example.com"}'`,
	} {
		if got := signUp("http://h/x", goos); got != want {
			t.Errorf("%s: got %s, want %s", goos, got, want)
		}
	}
}
