package contract

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const tick = time.Second / 100 // of /proc: USER_HZ is 100 on every architecture of Go's

// cpuTimes returns the CPU time that each group of processes has taken so far, with all
// their descendants.
func cpuTimes(groups [][]int) (times [3]time.Duration) {
	parents, cpu := make(map[int]int), make(map[int]time.Duration)
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ") // the name may have spaces
		fields := strings.Fields(rest)
		if len(fields) < 15 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		parents[pid], _ = strconv.Atoi(fields[1])
		for _, field := range fields[11:15] { // utime, stime, and those of children that have ended
			n, _ := strconv.Atoi(field)
			cpu[pid] += time.Duration(n) * tick
		}
	}
	for i, group := range groups {
		for pid, took := range cpu {
			for p := pid; p > 1; p = parents[p] {
				if slices.Contains(group, p) {
					times[i] += took
					break
				}
				if i == 2 {
					break // this process is the parent of the others
				}
			}
		}
	}
	return times
}

// A machine is the state of all CPUs, in ticks.
type machine struct{ total, idle float64 }

func readMachine() (m machine) {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:] {
		n, _ := strconv.ParseFloat(field, 64)
		if i < 8 { // then guests, which are counted in user
			m.total += n
		}
		if i == 3 || i == 4 { // idle, iowait
			m.idle += n
		}
	}
	return m
}

// since returns which part of the CPUs was busy since m, and which part other processes
// took if ours took that time.
func (m machine) since(ours time.Duration) (busy, others float64) {
	now := readMachine()
	total := now.total - m.total
	if total == 0 {
		return 0, 0
	}
	busy = 1 - (now.idle-m.idle)/total
	return busy, max(0, busy-float64(ours/tick)/total)
}
