package measure

import (
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOneCore(t *testing.T) {
	shell := exec.CommandContext(t.Context(), "sh", "-c", "sleep 5 & wait")
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shell.Wait() }()
	defer func() { _ = shell.Process.Kill() }()
	ofShell := func() int { return cores(t, shell.Process.Pid) }
	before, procs := ofShell(), runtime.GOMAXPROCS(0)

	release, err := OneCore(shell.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if n := ofShell(); n != 1 {
		t.Errorf("the other may run on %d cores", n)
	}
	if n := cores(t, 0); n != 1 {
		t.Errorf("this may run on %d cores", n)
	}
	release()
	if n := ofShell(); n != before {
		t.Errorf("the other may run on %d cores, and on %d before", n, before)
	}
	if n := cores(t, 0); n != before || runtime.GOMAXPROCS(0) != procs {
		t.Errorf("this may run on %d cores, %d at a time; before on %d, %d at a time", n, runtime.GOMAXPROCS(0), before, procs)
	}
}

func cores(t *testing.T, pid int) int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &set); err != nil {
		t.Fatal(err)
	}
	return set.Count()
}
