//go:build !linux

package measure

import "time"

// CPU is known on Linux only.
func CPU(int) (own, theirs time.Duration) { return 0, 0 }
