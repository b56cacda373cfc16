package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"avportal/cmd/avagent/signatures"
	"avportal/http/agent/wire"
)

// Clamscan starts ClamAV's command line scanner for each scan. It loads the signatures every time: fine for a small
// database, slow with the official one.
type Clamscan struct {
	Database string
}

// Name of the engine.
func (c *Clamscan) Name() string { return wire.EngineClamscan }

// Info asks the program for its version. No signatures is an error, as it could not scan.
func (c *Clamscan) Info(ctx context.Context) (Info, error) {
	program, err := lookPath("clamscan")
	if err != nil {
		return Info{}, err
	}
	banner, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return Info{}, fmt.Errorf("clamscan --version: %w", err)
	}
	if _, err := signatures.ReadVersion(c.Database); err != nil {
		return Info{}, err
	}
	return parseBanner(string(banner), c.Database), nil
}

// Reload does nothing: each scan reads the signatures anew.
func (c *Clamscan) Reload(context.Context) error { return nil }

// Exit codes of clamscan.
const (
	exitInfected = 1
	exitErrors   = 2
)

// Scan runs clamscan once over all the paths.
func (c *Clamscan) Scan(ctx context.Context, paths []string, found func(Finding)) (Summary, error) {
	paths = Expand(paths)
	if len(paths) == 0 {
		return Summary{}, nil
	}
	program, err := lookPath("clamscan")
	if err != nil {
		return Summary{Files: -1}, err
	}
	cmd := exec.CommandContext(ctx, program, append([]string{
		"--database=" + c.Database, "--recursive", "--infected", "--stdout",
		"--follow-dir-symlinks=0", "--follow-file-symlinks=0",
	}, paths...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(interruptSignal()) }
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	runErr := cmd.Run()
	findings, sum, ended := parseClamscan(out.String())
	for _, f := range findings {
		found(f)
	}
	if ctx.Err() != nil {
		return sum, context.Cause(ctx)
	}
	var exit *exec.ExitError
	if errors.As(runErr, &exit) && ended {
		switch exit.ExitCode() {
		case exitInfected:
			runErr = nil
		case exitErrors:
			runErr = nil
			sum.Errors = max(sum.Errors, 1) // a path it could not open at all is not in its own count
		}
	}
	if runErr != nil {
		return sum, fmt.Errorf("clamscan: %w: %s", runErr, lastLine(out.String()))
	}
	return sum, nil
}

// interruptSignal ends a subprocess: softly where the system can.
func interruptSignal() os.Signal {
	if os.PathSeparator == '\\' {
		return os.Kill
	}
	return os.Interrupt
}

const clamscanSummary = "----------- SCAN SUMMARY -----------"

// parseClamscan reads clamscan's output. ended says that the summary, its last words, is there and tells of a scan: with
// signatures that it cannot load clamscan prints a summary too, of nothing.
func parseClamscan(out string) (findings []Finding, sum Summary, ended bool) {
	sum.Files = -1
	listed := out
	if i := strings.LastIndex(out, clamscanSummary); i >= 0 {
		listed = out[:i]
		for line := range strings.Lines(out[i:]) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			n, err := strconv.ParseInt(value, 10, 64)
			switch {
			case err != nil:
			case name == "Known viruses":
				ended = n > 0
			case name == "Scanned files":
				sum.Files = n
			case name == "Total errors":
				sum.Errors = n
				sum.Detail = fmt.Sprintf("%d files could not be read", n)
			}
		}
	}
	return joinFound(strings.Split(listed, "\n")), sum, ended
}

// maxNewlines bounds how many newlines a file's name may hold and still be put together again.
const maxNewlines = 16

// joinFound puts lines back together: clamscan prints names as they are, so that a file whose name holds a newline takes
// several lines, one of which may even look complete. What counts is whether the file is there.
func joinFound(lines []string) (findings []Finding) {
	for i := 0; i < len(lines); i++ {
		first, ok := splitFound(lines[i])
		if ok && exists(first.Path) {
			findings = append(findings, first)
			continue
		}
		if lines[i] == "" {
			continue
		}
		for j := i + 1; j < len(lines) && j <= i+maxNewlines; j++ {
			if f, whole := splitFound(strings.Join(lines[i:j+1], "\n")); whole && exists(f.Path) {
				findings = append(findings, f)
				i, ok = j, false
				break
			}
		}
		if ok { // it has gone since
			findings = append(findings, first)
		}
	}
	return findings
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}
