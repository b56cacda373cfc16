package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binaries builds both programs once for all tests of this package.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "avportal-bin-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+"/", "avportal/cmd/avportal", "avportal/cmd/avagent").CombinedOutput()
	if err != nil {
		return "", errors.New(string(out))
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir) // only the temporary directory of this run
	}
	os.Exit(code)
}

func binary(t *testing.T, name string) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// devProcess is `avportal dev` in a process of its own.
type devProcess struct {
	*testing.T
	data string
	cmd  *exec.Cmd
	run  runFile
}

// startDev starts it and waits until it serves.
func startDev(t *testing.T, data string, args ...string) *devProcess {
	t.Helper()
	d := &devProcess{T: t, data: data}
	all := append([]string{"dev", "--data", data, "--listen", "127.0.0.1:0", "--node-listen", "127.0.0.1:0", "--rsp-listen", "127.0.0.1:0", "--token-rate", "10000"}, args...)
	d.cmd = exec.Command(binary(t, "avportal"), all...)
	d.cmd.SysProcAttr = childAttributes()
	d.cmd.Stdout, d.cmd.Stderr = testWriter{t}, testWriter{t}
	_ = os.Remove(runFilePath(data)) // of a process that was killed
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.end)
	deadline := time.Now().Add(2 * time.Minute)
	for {
		var err error
		if d.run, err = readRun(data); err == nil {
			return d
		}
		if time.Now().After(deadline) || d.cmd.ProcessState != nil {
			log, _ := os.ReadFile(filepath.Join(data, "portal.log"))
			t.Fatalf("the portal does not start: %v\n%s", err, tail(log))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func tail(log []byte) []byte { return log[max(0, len(log)-4000):] }

// kill ends the process as a power cut of the process would.
func (d *devProcess) kill() {
	if d.cmd.ProcessState == nil {
		_ = d.cmd.Process.Kill() // it may have ended by itself
		_ = d.cmd.Wait()
	}
}

// end ends what a test has left running, and waits: Postgres writes to a folder that the test is about to remove.
func (d *devProcess) end() {
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGINT)
	late := time.AfterFunc(30*time.Second, func() { _ = d.cmd.Process.Kill() })
	defer late.Stop()
	_ = d.cmd.Wait()
}

// stop ends it as Ctrl-C does.
func (d *devProcess) stop() {
	d.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		d.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		d.Errorf("Ctrl-C: %v", err)
	}
}

// get asks the API and gives status and body.
func (d *devProcess) get(path string) (int, []byte) {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), 30*time.Second)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, d.run.URL+path, nil)
	if err != nil {
		d.Fatal(err)
	}
	rq.Header.Set("Authorization", "Bearer "+d.run.Token)
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		d.Fatal(err)
	}
	defer rs.Body.Close()
	body, err := io.ReadAll(rs.Body)
	if err != nil {
		d.Fatal(err)
	}
	return rs.StatusCode, body
}

// testWriter writes a process's output to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}
