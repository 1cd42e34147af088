package signup

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
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

// silent is a system that never answers.
type silent struct{ System }

func (silent) Enqueue(ctx context.Context, _ Task) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestSystemThatNeverAnswersGives503AtTheLimit uses fake time.
func TestSystemThatNeverAnswersGives503AtTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, w := time.Now(), httptest.NewRecorder()
		Handler(silent{}).ServeHTTP(w, httptest.NewRequest("POST", "/signups", strings.NewReader(`{"name":"Ada","email":"ada@example.com"}`)))
		if took := time.Since(began); w.Code != 503 || w.Header().Get("Retry-After") == "" || took != 5*time.Second {
			t.Errorf("a system never answers: the sign-up was answered with %d, Retry-After %q, after %v; want 503 with Retry-After after 5 s", w.Code, w.Header().Get("Retry-After"), took)
		}
	})
}

// TestTimeOfAnEmailIsNotBeforeItsTask fails on many machines with the time that Linux gives
// a file, which can be that of the last tick of its clock; since Linux 6.13 it is mostly exact.
func TestTimeOfAnEmailIsNotBeforeItsTask(t *testing.T) {
	mail := t.TempDir()
	for i := range 100 {
		began, id := time.Now(), fmt.Sprint(i)
		if err := Maildir(mail).Welcome(t.Context(), Task{ID: id, Name: "Ada", Email: "ada@example.com"}, 1); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(mail, "new", id))
		if err != nil {
			t.Fatal(err)
		}
		if sent := info.ModTime(); sent.Before(began.Truncate(time.Microsecond)) {
			t.Fatalf("a task began at %v, and its email is from %v before", began, began.Sub(sent))
		}
	}
}
