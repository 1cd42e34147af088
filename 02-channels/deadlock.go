package main

import "fmt"

// EveryoneWaits is wrong: the program has one goroutine, and that waits for
// another that could send. The runtime sees that nobody is left to do it, and
// ends the program with exit status 2.
func EveryoneWaits() {
	letters := make(chan string)
	fmt.Println(<-letters)
}
