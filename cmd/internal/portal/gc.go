package portal

import (
	"os"
	"runtime/debug"
)

// gcPercent spares an eighth of the processor time of a view that catches up, which makes much that is soon of no use, for
// half as much memory again.
const gcPercent = 200

// TuneGC sets how far the heap of a process may grow between collections, unless the operator has by GOGC. GOMEMLIMIT bounds it.
func TuneGC() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
