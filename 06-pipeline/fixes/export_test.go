package exercise_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/06-pipeline/fixes"
)

func join(row []string) string { return strings.Join(row, ",") }

func TestExportSendsEveryLineInOrder(t *testing.T) {
	alone(t, "section 6.1: a stage passes each item on, and closes its channel after the last one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rows := make(chan []string)
			go func() {
				defer close(rows)
				rows <- nil // a row without columns
				for n := range 200 {
					rows <- []string{"tea", fmt.Sprint(n)}
				}
			}()
			got, want := []string{}, []string{""}
			for n := range 200 {
				want = append(want, fmt.Sprint("tea,", n))
			}
			for line := range Export(t.Context(), rows, join) {
				time.Sleep(time.Second) // a slow client
				got = append(got, line)
			}
			if !slices.Equal(got, want) {
				t.Errorf("201 rows were sent, the first one without columns, but %d lines arrived, or in another order", len(got))
			}
		})
	})
}

func TestExportEndsWhenTheClientLeaves(t *testing.T) {
	alone(t, "section 6.4: a stage observes cancellation wherever it blocks", func(t *testing.T) {
		for _, test := range []struct {
			name        string
			sent, taken int // rows and lines
		}{
			{"while it blocks in a send", 2, 1},
			{"while it waits for the first row", 0, 0},
			{"while it waits for another row", 3, 3},
		} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				rows := make(chan []string, 10) // never closed
				lines := Export(ctx, rows, join)
				for range test.sent {
					rows <- []string{"tea"}
				}
				for range test.taken {
					<-lines
				}
				synctest.Wait()
				cancel()
				synctest.Wait()
				select {
				case _, ok := <-lines:
					if ok {
						t.Errorf("ctx is done %s, but its goroutine still blocks in the send", test.name)
					}
				default:
					t.Errorf("ctx is done %s, but lines is not closed: the goroutine has not ended, or did not close it", test.name)
					rows <- []string{"tea"} // so that the bubble can end
					close(rows)
					for range lines {
					}
				}
			})
		}
	})
}

func TestExportMakesOneLineAtATime(t *testing.T) {
	alone(t, "section 6.2: memory is bounded by the stages, not by the input", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			rows := make(chan []string, 100)
			for range 100 {
				rows <- []string{"tea"}
			}
			made := 0
			lines := Export(ctx, rows, func(row []string) string { made++; return join(row) })
			<-lines
			synctest.Wait()
			if made > 2 {
				t.Errorf("the client has received 1 line, and %d were made, want 2: one more is in the send", made)
			}
			cancel()
			synctest.Wait()
			close(rows)
			for range lines {
			}
		})
	})
}
