package main

import (
	"fmt"
	"strings"
	"time"
)

// drawLanes draws each lane as a line, up to 16 of them, above an axis of time.
func drawLanes(lanes [][]Span, began time.Time, took time.Duration) {
	for i, lane := range lanes[:min(len(lanes), 16)] {
		fmt.Printf("     %2d  %s\n", i+1, drawLane(lane, began, took, 60))
	}
	if len(lanes) > 16 {
		fmt.Printf("     and %d more\n", len(lanes)-16)
	}
	fmt.Printf("         0%59s\n\n", measured(short(took)))
}

// drawLane draws the tasks of a lane in width columns, alternately dark and light.
func drawLane(lane []Span, began time.Time, took time.Duration, width int) string {
	cells := []rune(strings.Repeat("·", width))
	for i, task := range lane {
		first, last := column(task.From.Sub(began), took, width), column(task.To.Sub(began), took, width)
		for c := first; c < min(last+1, width); c++ {
			cells[c] = []rune("█▒")[i%2]
		}
	}
	return string(cells)
}
