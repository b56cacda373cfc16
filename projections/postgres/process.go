package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// launch is all that one start of the server needs.
type launch struct {
	programs programs
	who      identity
	dataDir  string
	logPath  string
	run      *runDir
}

// process is a running server, our child.
type process struct {
	cmd      *exec.Cmd
	log      *serverLog
	watcher  *watcher
	done     chan struct{} // closed when the server has ended
	err      error         // how it ended; read after done
	stopping atomic.Bool
}

func startProcess(cfg Config, l launch, temporary bool) (*process, error) {
	out, err := openServerLog(l.logPath)
	if err != nil {
		return nil, fmt.Errorf("postgres: server log: %w", err)
	}
	//nolint:noctx // it outlives the start; Close ends it in order
	cmd := exec.Command(l.programs.path("postgres"), append([]string{"-D", l.dataDir}, settings(l.run.path, cfg.Fast)...)...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", environment(), l.who.attr()
	cmd.Stdout, cmd.Stderr = out.file, out.file
	cmd.ExtraFiles = []*os.File{l.run.lock}
	p := &process{cmd: cmd, log: out, done: make(chan struct{})}

	started := make(chan error)
	go p.live(started, cfg.Log)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	switch {
	case temporary:
		p.watcher = watch(cmd.Process.Pid, !dieWithUs, l.run.path, cfg.Log)
	case !dieWithUs:
		p.watcher = watch(cmd.Process.Pid, true, "", cfg.Log)
	}
	return p, nil
}

// live starts the server and waits for its end on one thread, which it never gives back: the parent-death signal comes when
// the thread that forked ends.
func (p *process) live(started chan<- error, log *slog.Logger) {
	runtime.LockOSThread()
	defer p.log.file.Close()
	defer close(p.done)
	p.err = p.cmd.Start()
	started <- p.err
	if p.err != nil {
		return
	}
	p.err = p.cmd.Wait()
	if !p.stopping.Load() {
		log.Error("Postgres ended by itself", "error", p.err, "log", p.log.tail())
	}
}

// stop asks for a fast shutdown, for an immediate one when ctx ends, and kills what does not end within 10 seconds more. After
// anything but the fast one, the next start recovers from the write-ahead log.
func (p *process) stop(ctx context.Context) error {
	p.stopping.Store(true)
	p.watcher.dismiss()
	_ = p.cmd.Process.Signal(syscall.SIGINT) // it may have ended already, which done tells
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	return fmt.Errorf("postgres: stopped at once, not in order: %w", ctx.Err())
}

// serverLog is the file that the server writes to. It is remembered where this run's part begins.
type serverLog struct {
	file  *os.File
	path  string
	begin int64
}

// openServerLog starts anew past 8 MiB and keeps the old file beside it.
func openServerLog(path string) (*serverLog, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > 8<<20 {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	begin, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &serverLog{f, path, begin}, nil
}

// tail answers the last lines of this run.
func (l *serverLog) tail() string {
	f, err := os.Open(l.path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(io.NewSectionReader(f, max(l.begin, info.Size()-8<<10), 8<<10))
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text), 12)
}
