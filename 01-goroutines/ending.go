package main

import (
	"fmt"
	"sync"
	"time"
)

// MainReturnsFirst is the wrong main: it starts a goroutine and returns. The
// process ends, and with it the goroutine, before it has printed its line.
func MainReturnsFirst() {
	go func() {
		time.Sleep(time.Hour) // with a millisecond the line would appear in rare runs
		fmt.Println("email sent")
	}()
}

// MainWaits is the right main: it waits until the goroutine has ended.
func MainWaits() {
	var wg sync.WaitGroup
	wg.Go(func() {
		time.Sleep(time.Millisecond)
		fmt.Println("email sent")
	})
	wg.Wait()
}
