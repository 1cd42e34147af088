package exercise_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/06-pipeline/fixes"
)

// album sends n images.
func album(n int) <-chan string {
	images := make(chan string)
	go func() {
		defer close(images)
		for i := range n {
			images <- fmt.Sprint("image ", i)
		}
	}()
	return images
}

// shrink takes a second, and longer for the first image.
func shrink(image string) string {
	if image == "image 0" {
		time.Sleep(4 * time.Second)
	}
	time.Sleep(time.Second)
	return "small " + image
}

func TestThumbnailsAllArriveAndTheChannelIsClosed(t *testing.T) {
	alone(t, "section 6.3: only the last worker may close the channel, and one of them must", func(t *testing.T) {
		for _, workers := range []int{1, 2, 3, 8} {
			for _, n := range []int{0, 1, 12} {
				synctest.Test(t, func(t *testing.T) {
					var got, want []string
					for i := range n {
						want = append(want, fmt.Sprint("small image ", i))
					}
					for small := range Thumbnails(workers, album(n), shrink) {
						got = append(got, small)
					}
					if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
						t.Errorf("%d workers: %d thumbnails of %d arrived before the channel was closed", workers, len(got), n)
					}
				})
			}
		}
	})
}

func TestThumbnailsWorkersRunAtTheSameTime(t *testing.T) {
	alone(t, "section 6.3: fan out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			for range Thumbnails(4, album(13), shrink) {
			}
			if took := time.Since(began); took != 5*time.Second {
				t.Errorf("13 images, 17 s of work, took %v with 4 workers, want 5s", took)
			}
		})
	})
}

func TestThumbnailsArriveAsTheyFinish(t *testing.T) {
	alone(t, "section 6.2: pass each result on, do not collect them", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			thumbnails := Thumbnails(2, album(6), shrink)
			if _, ok := <-thumbnails; !ok {
				t.Fatal("6 images: the channel was closed before the first thumbnail")
			}
			if took := time.Since(began); took != time.Second {
				t.Errorf("the first thumbnail arrived after %v, want 1s: the function must not wait for all of them", took)
			}
			for range thumbnails {
			}
		})
	})
}
