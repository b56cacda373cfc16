package measure

import (
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is what Linux counts processor time in, on every machine that Go runs on (USER_HZ).
const tick = 10 * time.Millisecond

// CPU is the processor time that this process has used so far, and that a family of others has: a process, its children,
// and the children that it has outlived. Unlike the time that passes it hardly depends on what else the machine does.
func CPU(family int) (own, theirs time.Duration) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) == nil {
		own = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for pid, stat := range members(family) {
		// "pid (name) state ppid ...": utime, stime, cutime and cstime are fields 14 to 17.
		if pid == family {
			theirs += ticks(stat[11:15])
		} else {
			theirs += ticks(stat[11:13])
		}
	}
	return own, theirs
}

// members goes through a process and its children, with what the system knows of each from the third field on (proc(5), stat).
func members(family int) iter.Seq2[int, []string] {
	return func(yield func(int, []string) bool) {
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil || family == 0 {
			return
		}
		for _, file := range stats {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // it has ended
			}
			_, rest, _ := strings.Cut(string(text), ") ") // a name may hold blanks
			fields := strings.Fields(rest)
			if len(fields) < 15 {
				continue
			}
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			parent, _ := strconv.Atoi(fields[1])
			if (pid == family || parent == family) && !yield(pid, fields) {
				return
			}
		}
	}
}

func ticks(fields []string) (sum time.Duration) {
	for _, f := range fields {
		n, _ := strconv.ParseInt(f, 10, 64)
		sum += time.Duration(n) * tick
	}
	return sum
}
