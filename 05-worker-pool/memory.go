package main

import "runtime"

// memory returns how many bytes of the heap are in use.
func memory() int64 {
	runtime.GC()
	runtime.GC() // the second one frees what every sync.Pool has kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
