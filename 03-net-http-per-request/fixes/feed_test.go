package exercise_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/03-net-http-per-request/fixes"
)

func TestFeedIsNotBlockedByOneFollower(t *testing.T) {
	alone(t, "section 3.14: what does a send with the lock held do when the buffer is full?", func(t *testing.T) {
		f := NewFeed()
		f.Follow() // never reads
		otherwise("one follower does not read; Publish blocks forever, and a new Follow would, too")
		for i := range 20 {
			f.Publish(fmt.Sprint(i))
		}
		f.Follow()
	})
}

func TestFeedDoesNotWait(t *testing.T) {
	alone(t, "section 3.14: a select with default does not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := NewFeed()
			_, stop := f.Follow()
			start := time.Now()
			for i := range 20 {
				f.Publish(fmt.Sprint(i))
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("one follower does not read: 20 calls of Publish took %s, in which every other follower waits", took)
			}
			stop()
			time.Sleep(time.Hour)
		})
	})
}

func TestFeedPassesEventsOnInOrder(t *testing.T) {
	alone(t, "section 3.14: a follower that reads gets every event, in order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := NewFeed()
			for range 20 {
				f.Follow() // these never read: in the random order of a map one of them nearly always comes first
			}
			events, stop := f.Follow()
			slow, stopSlow := f.Follow()
			var got, want []string
			for i := range 20 {
				want = append(want, fmt.Sprint(i))
				f.Publish(want[i])
				select {
				case event := <-events:
					got = append(got, event)
				case <-time.After(time.Minute):
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("a follower that reads each event got %v, want %v", got, want)
			}
			var early []string
			for range 8 {
				select {
				case event := <-slow:
					early = append(early, event)
				case <-time.After(time.Minute):
				}
			}
			f.Publish("late")
			select {
			case event, ok := <-slow:
				if early = append(early, event); !ok {
					t.Fatal("a follower was 8 events behind, and its channel was closed, but its stop was not called")
				}
			case <-time.After(time.Minute):
			}
			if want := append(want[:8:8], "late"); !slices.Equal(early, want) {
				t.Errorf("a follower that was 8 events behind and has caught up got %q, want %q", early, want)
			}
			stop()
			stopSlow()
		})
	})
}

// TestFeedPublishersMayMeet also runs on a copy with runtime.Gosched() between the
// statements: there all of them look at the last free slot before one of them takes it.
func TestFeedPublishersMayMeet(t *testing.T) {
	alone(t, "section 3.14: may the buffer become full between a look at it and the send?", func(t *testing.T) {
		for range 20 {
			f := NewFeed()
			events, _ := f.Follow()
			for range 7 {
				f.Publish("event")
			}
			otherwise("a follower that does not read has one free slot left, and 8 goroutines call Publish at the same time: one of them blocks")
			var publishers sync.WaitGroup
			for range 8 {
				publishers.Go(func() { f.Publish("event") })
			}
			publishers.Wait()
			if n := len(events); n != 8 {
				t.Fatalf("a follower that does not read has got %d events, want 8: it had a free slot", n)
			}
		}
	})
}

func TestFeedFollowersMayLeaveAtAnyTime(t *testing.T) {
	alone(t, "section 2.3: a send on a closed channel panics. What keeps stop and Publish apart?", func(t *testing.T) {
		f := NewFeed()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 20 {
					f.Publish("event")
				}
			})
			all.Go(func() {
				for range 20 {
					events, stop := f.Follow()
					select {
					case <-events:
					default:
					}
					stop()
					for range events { // ends because stop has closed it
					}
				}
			})
		}
		all.Wait()
	})
}
