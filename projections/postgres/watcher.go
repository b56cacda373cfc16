package postgres

import (
	"io"
	"log/slog"
	"os/exec"
	"strconv"
	"syscall"
)

// watcher is a shell that outlives us: when our end of its standard input closes, because we died, it stops the server where the
// system does not, and removes a temporary server's directory.
type watcher struct {
	cmd   *exec.Cmd
	input io.Closer
}

const watcherScript = `
read -r line
[ "$2" = signal ] && kill -INT "$1"
[ -n "$3" ] || exit 0
n=0
while [ -e "$3/data/postmaster.pid" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
rm -rf -- "$3"`

// watch begins to watch over the server pid. A non-empty runDir is removed. It is a convenience where the next start sweeps.
func watch(pid int, interrupt bool, runDir string, log *slog.Logger) *watcher {
	signal := ""
	if interrupt {
		signal = "signal"
	}
	//nolint:noctx // it outlives this process; dismiss ends it
	cmd := exec.Command("/bin/sh", "-c", watcherScript, "avportal-postgres-watcher", strconv.Itoa(pid), signal, runDir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // away from the signals of our terminal
	input, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		log.Warn("nothing watches over Postgres in case this process is killed", "error", err)
		return nil
	}
	return &watcher{cmd, input}
}

// dismiss ends the watcher before it can act. A nil watcher has nothing to end.
func (w *watcher) dismiss() {
	if w == nil {
		return
	}
	_ = w.cmd.Process.Kill() // an error means that it has ended already
	_ = w.cmd.Wait()
	_ = w.input.Close()
}
