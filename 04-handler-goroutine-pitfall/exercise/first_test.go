package exercise

import (
	"context"
	_ "embed"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The file to change, and its checksum as it came: the exercise is open until it differs.
//
//go:embed first.go
var source string

const (
	file      = "first.go"
	untouched = 0x4becae89
)

// answers is a mirror that needs so long, and stops when it is told to.
func answers(after time.Duration, text string, err error) Mirror {
	return func(ctx context.Context) (string, error) {
		select {
		case <-time.After(after):
			return text, err
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// left returns how many goroutines of First there are.
func left() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "exercise.First")
}

func TestFirstAnswerWinsAtOnce(t *testing.T) {
	alone(t, "4.4 in the program: what the handler waits for, and what it does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			text, err := First(t.Context(), answers(3*time.Second, "slow", nil), answers(time.Second, "quick", nil), answers(2*time.Second, "middle", nil))
			if took := time.Since(began); text != "quick" || err != nil || took != time.Second {
				t.Errorf("three mirrors answer after 3s, 1s and 2s; First returned %q, %v after %v: they were asked one after the other, or all were waited for", text, err, took)
			}
		})
	})
}

func TestSlowerMirrorsAreToldToStop(t *testing.T) {
	alone(t, "4.5 in the program: a context is how a caller tells", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			told := make(chan struct{}, 1)
			slow := func(ctx context.Context) (string, error) {
				select {
				case <-ctx.Done():
					told <- struct{}{}
				case <-time.After(24 * time.Hour):
				}
				return "", errors.New("too late")
			}
			First(t.Context(), slow, answers(time.Second, "quick", nil))
			synctest.Wait()
			select {
			case <-told:
			default:
				t.Error("there is an answer, and a slower mirror is still at work: nobody told it to stop")
			}
		})
	})
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	alone(t, "4.1 in the program, and leaky.go: who is there to receive what it sends?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			First(t.Context(), answers(time.Second, "quick", nil), answers(2*time.Second, "slow", nil), answers(2*time.Second, "", errors.New("down")))
			time.Sleep(time.Hour) // they have all ended long ago
			synctest.Wait()
			if n := left(); n > 0 {
				t.Errorf("%d goroutines are left, an hour later: they want to send an answer that nobody receives", n)
			}
		})
	})
}

func TestAnErrorDecidesOnlyWhenAllHaveFailed(t *testing.T) {
	alone(t, "4.2 in the program: whose errors are seen", func(t *testing.T) {
		down, full := errors.New("down"), errors.New("full")
		synctest.Test(t, func(t *testing.T) {
			text, err := First(t.Context(), answers(time.Second, "", down), answers(2*time.Second, "good", nil))
			if text != "good" || err != nil {
				t.Errorf("one mirror fails after 1s, one answers after 2s; First returned %q, %v: the first that came was an error, and it won", text, err)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			_, err := First(t.Context(), answers(time.Second, "", down), answers(2*time.Second, "", full))
			if !errors.Is(err, down) || !errors.Is(err, full) {
				t.Errorf("two mirrors fail, with %q and %q, and First says: %v", down, full, err)
			}
		})
	})
}

func TestCallerWhoGoesAwayDoesNotWait(t *testing.T) {
	alone(t, "4.5 in the program: r.Context() ends when the client leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := errors.New("the client has left")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { cancel(gone) })
			deaf := func(context.Context) (string, error) { time.Sleep(time.Minute); return "late", nil }
			began := time.Now()
			_, err := First(ctx, deaf, deaf)
			if took := time.Since(began); took != time.Second {
				t.Errorf("the client leaves after 1s, and First returns after %v: it waits for its mirrors all the same", took)
			} else if !errors.Is(err, gone) {
				t.Errorf("the client has left, and First says: %v; context.Cause knows why", err)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := left(); n > 0 {
				t.Errorf("the client has left, and %d goroutines are left behind an hour later", n)
			}
		})
	})
}
