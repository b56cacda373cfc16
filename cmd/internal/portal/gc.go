package portal

import (
	"os"
	"runtime/debug"
)

// gcPercent trades memory for processor time: a view that catches up makes much that is soon of no use. In most runs of the bench
// an event took 2 to 5 of 20 us less; some showed nothing.
const gcPercent = 200

// TuneGC sets how far the heap of a process may grow between collections, unless the operator has by GOGC. GOMEMLIMIT bounds it.
func TuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
