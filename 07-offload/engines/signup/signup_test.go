package signup

import (
	"errors"
	"testing"
)

// TestMalformedTaskIsAPermanentError tries what another program could have enqueued. An
// ID is the name of a file, so it must not lead out of the mailbox.
func TestMalformedTaskIsAPermanentError(t *testing.T) {
	const good = `{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"ada@example.com"}`
	if _, err := ParseTask([]byte(good)); err != nil {
		t.Errorf("a good task is refused: %v", err)
	}
	for _, bad := range []string{
		``, `no JSON`, `null`, `"text"`, `[]`, `{}`, good + `x`,
		`{"id":"../../etc/passwd","name":"Ada","email":"ada@example.com"}`,
		`{"id":"","name":"Ada","email":"ada@example.com"}`,
		`{"id":7,"name":"Ada","email":"ada@example.com"}`,
		`{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"","email":"ada@example.com"}`,
		`{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"ada"}`,
		`{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"ada@example.com","due":"soon"}`,
	} {
		if task, err := ParseTask([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %+v and error %v, want ErrMalformed", bad, task, err)
		}
	}
}
