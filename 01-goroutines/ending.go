package main

import (
	"fmt"
	"sync"
	"time"
)

// MainReturnsFirst is a wrong main: it starts a goroutine and returns. Then
// the process ends, and the goroutine with it, before it has printed its line.
func MainReturnsFirst() {
	go func() {
		time.Sleep(time.Hour) // a millisecond would do, but only nearly always
		fmt.Println("mail sent")
	}()
}

// MainWaits is the right one.
func MainWaits() {
	var group sync.WaitGroup
	group.Go(func() {
		time.Sleep(time.Millisecond)
		fmt.Println("mail sent")
	})
	group.Wait()
}
