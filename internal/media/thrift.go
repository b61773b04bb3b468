package media

//#include <malloc.h>
import "C"

import (
	"runtime"
	"runtime/debug"
)

// BeThrifty makes a process that only records a small one: one thread does it all (others that wake up cost more than they
// do), and next to no garbage is made.
func BeThrifty() {
	C.mallopt(C.M_ARENA_MAX, 1)
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(50)
}

// settle gives back what only the beginning of a recording needed.
func settle() {
	debug.FreeOSMemory()
	C.malloc_trim(0)
}
