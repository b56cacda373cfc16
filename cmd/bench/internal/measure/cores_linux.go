package measure

import (
	"errors"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// OneCore lets this process and a family of others run on one core, until release is called. It is for short questions: who asks and
// who answers never work at the same time, and to wake each other across cores takes them as long as the answer, if the scheduler
// happens to have placed them so. What the family begins meanwhile begins on that core.
func OneCore(family int) (release func(), err error) {
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, err
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	procs := runtime.GOMAXPROCS(1)
	release = func() {
		runtime.GOMAXPROCS(procs)
		_ = place(family, &all)
	}
	if err := place(family, &one); err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// place moves threads to cores, and looks again: one that was not moved yet may have begun another.
func place(family int, cores *unix.CPUSet) error {
	for range 2 {
		threads, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			return err
		}
		var ids []int
		for _, thread := range threads {
			id, _ := strconv.Atoi(filepath.Base(thread))
			ids = append(ids, id)
		}
		for id := range members(family) {
			ids = append(ids, id)
		}
		for _, id := range ids {
			if err := unix.SchedSetaffinity(id, cores); err != nil && !errors.Is(err, unix.ESRCH) { // not one that has ended
				return err
			}
		}
	}
	return nil
}
