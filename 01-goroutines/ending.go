package main

import (
	"fmt"
	"sync"
	"time"
)

// MainReturnsFirst is a wrong main: it starts a goroutine and returns. That
// takes the goroutine's hour away, and its one line of output with it.
func MainReturnsFirst() {
	go func() {
		time.Sleep(time.Hour) // however short, nobody would wait for it
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
