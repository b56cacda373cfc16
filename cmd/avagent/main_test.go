package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"avportal/cmd/avagent/agent"
	"avportal/cmd/avagent/engine/enginetest"
	"avportal/cmd/avagent/portaltest"
	"avportal/http/agent/wire"
)

// TestMain lets the test binary be the agent, so that processes can be killed without building one more program.
func TestMain(m *testing.M) {
	if os.Getenv("AVAGENT_TEST_AS_PROGRAM") == "1" {
		main()
	}
	os.Exit(m.Run())
}

// machine is a directory with everything an agent process needs.
type machine struct {
	t               *testing.T
	portal          *portaltest.Portal
	state, root, db string
	flags           []string
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, portal: portaltest.Start(t), state: filepath.Join(t.TempDir(), "state"), root: t.TempDir(), db: enginetest.Database(t)}
	m.flags = []string{"--engine", "builtin", "--database", m.db, "--root", m.root}
	return m
}

func (m *machine) program(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.Command(self, append(args, "--state", m.state)...)
	cmd.Env = append(os.Environ(), "AVAGENT_TEST_AS_PROGRAM=1")
	cmd.SysProcAttr = childAttributes()
	return cmd
}

// do runs a command to its end.
func (m *machine) do(want int, args ...string) string {
	m.t.Helper()
	cmd := m.program(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		m.t.Fatalf("avagent %v: exit code %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
	}
	return out.String() + errs.String()
}

func (m *machine) enroll() {
	m.t.Helper()
	m.do(0, append([]string{"enroll", "--server", m.portal.URL(), "--tid", portaltest.TID}, m.flags...)...)
}

// run starts "avagent run"; it is killed with the test.
func (m *machine) run() *exec.Cmd {
	m.t.Helper()
	cmd := m.program(append([]string{"run"}, m.flags...)...)
	if testing.Verbose() {
		cmd.Stderr = m.t.Output()
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { kill(cmd) })
	return cmd
}

// kill is kill -9. A process that has been waited for is left alone.
func kill(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func (m *machine) infect(name string) string {
	m.t.Helper()
	path := filepath.Join(m.root, name)
	if err := os.WriteFile(path, enginetest.Eicar(), 0o644); err != nil {
		m.t.Fatal(err)
	}
	return path
}

func (m *machine) status() (s agent.Status) {
	m.t.Helper()
	if err := json.Unmarshal([]byte(m.do(0, "status", "--json")), &s); err != nil {
		m.t.Fatal(err)
	}
	return s
}

func (m *machine) waitForEmptyQueue() {
	m.t.Helper()
	for until := time.Now().Add(time.Minute); m.status().Queue.Entries > 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			m.t.Fatalf("queue after a minute: %+v", m.status().Queue)
		}
	}
}

func TestTwoAgentsOnOneState(t *testing.T) {
	m := newMachine(t)
	m.enroll()
	m.run()
	m.portal.Wait("first report", func() bool { return len(m.portal.Reports) == 1 })
	if out := m.do(exitFailure, append([]string{"run"}, m.flags...)...); !strings.Contains(out, "another agent") {
		t.Errorf("second run: %s", out)
	}
	m.infect("evil") // while a scan beside the running agent is welcome, and told by it
	m.do(exitThreats, append([]string{"scan"}, m.flags...)...)
	m.portal.Wait("the threat", func() bool { return len(m.portal.Open) == 1 })
}

func TestExitCodesAndWhatPeopleRead(t *testing.T) {
	m := newMachine(t)
	flags := func(args ...string) []string { return append(args, m.flags...) }
	for _, c := range []struct {
		exit int
		args []string
		says string
	}{
		{exitUsage, []string{"run", "--nonsense"}, "nonsense"},
		{exitUsage, []string{"dance"}, "dance"},
		{exitUsage, []string{"enroll"}, "--server and --tid"},
		{exitUsage, []string{"run", "--engine", "norton"}, "choose auto, clamd, clamscan or builtin"},
		{exitUsage, []string{"run", "--interval", "5ms"}, "at least a second"},
		{exitUsage, []string{"update", "--update-url", "file:///x"}, "http"},
		{exitUsage, []string{"scan", "--full", "/tmp"}, "either"},
		{exitUsage, []string{"status", "extra"}, "extra"},
		{exitNotEnrolled, flags("run"), "avagent enroll"},
		{exitFailure, []string{"enroll", "--server", "http://portal.example.com", "--tid", "x"}, "not encrypted"},
		{exitFailure, flags("enroll", "--server", m.portal.URL(), "--tid", "wrong"), wire.CodeUnknownTID},
		{exitFailure, flags("enroll", "--server", "http://127.0.0.1:1", "--tid", "x"), "avagent run"},
		{0, []string{"status"}, "pending"},
		{0, flags("enroll", "--server", m.portal.URL(), "--tid", portaltest.TID), "device-1"},
		{0, flags("enroll", "--server", m.portal.URL(), "--tid", portaltest.TID, "--json"), `"device_id": "device-1"`},
		{0, flags("scan"), "0 infected"},
		{0, flags("scan", m.root, "--json"), `"threats": []`},
		{exitFailure, flags("scan", m.root+"/mistyped"), "no such file"},
		{0, flags("update"), "Signatures are version"},
		{0, []string{"status"}, "Queue:"},
		{0, []string{"version"}, ""},
	} {
		if out := m.do(c.exit, c.args...); !strings.Contains(out, c.says) {
			t.Errorf("avagent %v says\n%s\nwhich does not hold %q", c.args, out, c.says)
		}
	}
	path := m.infect("evil")
	if out := m.do(exitThreats, flags("scan", path)...); !strings.Contains(out, "FOUND") || !strings.Contains(out, path) {
		t.Errorf("scan of an infected file: %s", out)
	}
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	var names []string
	for _, c := range rootCommand().Commands() {
		names = append(names, c.Name())
		if c.Short == "" || !strings.Contains(c.Example, "avagent "+c.Name()) {
			t.Errorf("%s: short %q, example %q", c.Name(), c.Short, c.Example)
		}
	}
	slices.Sort(names)
	if want := []string{"enroll", "install", "run", "scan", "status", "uninstall", "update", "version"}; !slices.Equal(names, want) {
		t.Errorf("commands %v, want %v", names, want)
	}
}

func TestTheServiceIsStartedWithTheFlagsOfInstall(t *testing.T) {
	o := options{
		engine: "clamd", clamd: "/run/x", database: "/db", updateURL: "https://x/y", roots: []string{"/a", "/b c"}, quickRoots: []string{"/q"}, interval: time.Minute,
	}
	cmd := runCommand()
	if err := cmd.ParseFlags(append([]string{"--service"}, o.arguments()...)); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{
		"service": "true", "engine": "clamd", "clamd": "/run/x", "database": "/db", "update-url": "https://x/y",
		"root": "[/a,/b c]", "quick-root": "[/q]", "interval": "1m0s",
	} {
		if got := cmd.Flag(flag).Value.String(); got != want {
			t.Errorf("--%s is %q after the round trip, want %q", flag, got, want)
		}
	}
}

// TestRunsUnderAServiceManager starts the agent as a service manager does.
func TestRunsUnderAServiceManager(t *testing.T) {
	m := newMachine(t)
	m.enroll()
	m.flags = append(m.flags, "--service")
	cmd := m.run()
	m.portal.Wait("first report", func() bool { return len(m.portal.Reports) == 1 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v", err)
	}
	m.portal.Faults(func(*http.Request) portaltest.Fault { return portaltest.Gone })
	if err := m.run().Wait(); err != nil {
		t.Fatalf("a removed device ended with %v, so the service manager would start it again", err)
	}
}

// TestBuildsForEveryPlatform compiles the one static binary for every platform that is promised.
func TestBuildsForEveryPlatform(t *testing.T) {
	for _, platform := range []string{"linux/amd64", "linux/arm64", "windows/amd64", "darwin/arm64"} {
		system, arch, _ := strings.Cut(platform, "/")
		cmd := exec.Command("go", "build", "-o", os.DevNull, ".")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", platform, err, out)
		}
	}
}
