// Package conformance runs tests that others wrote for EventStoreDB against the node.
package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	_ "avportal/eventstore/node" // what is tested: without it the result would be cached over its changes
)

// suitePackage exists in an overlay only: the official tests are compiled from a temporary folder.
const suitePackage = "avportal/eventstore/node/conformance/suite"

func TestOfficialClientSuite(t *testing.T) {
	temp := t.TempDir()
	binary := buildSuite(t, temp)
	writeCertificates(t, filepath.Join(temp, "certs"))
	for _, mode := range []string{"plain", "tls"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel() // the suite sleeps a lot
			leftOut := readLeftOut(t, mode)
			results := runSuite(t, binary, temp, mode, leftOut)
			judge(t, results, leftOut)
		})
	}
}

// buildSuite copies the tests of the official client, replaces the file that starts containers, and compiles them
// with the versions of this module.
func buildSuite(t *testing.T, temp string) (binary string) {
	t.Helper()
	client := strings.TrimSpace(goCommand(t, "list", "-m", "-f", "{{.Dir}}", "github.com/EventStore/EventStore-Client-Go/v4"))
	if err := os.CopyFS(filepath.Join(temp, "resources"), os.DirFS(filepath.Join(client, "resources"))); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	tests, err := filepath.Glob(filepath.Join(client, "esdb", "*_test.go"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("the client's module has no tests: %v", err)
	}
	overlay := map[string]string{}
	for _, test := range tests {
		if filepath.Base(test) != "containers_test.go" {
			overlay[filepath.Join(here, "suite", filepath.Base(test))] = test
		}
	}
	overlay[filepath.Join(here, "suite", "containers_test.go")] = filepath.Join(here, "testdata", "containers_test.go.txt")
	content, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(overlayFile, content, 0o600); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(temp, "suite.test")
	goCommand(t, "test", "-c", "-vet=off", "-overlay", overlayFile, "-o", binary, suitePackage)
	return binary
}

func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, problem.String())
	}
	return out.String()
}

// readLeftOut returns the tests that do not run in a mode, with the reasons.
func readLeftOut(t *testing.T, mode string) map[string]string {
	t.Helper()
	content, err := os.ReadFile("leftout.txt")
	if err != nil {
		t.Fatal(err)
	}
	leftOut := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) != 3 || !slices.Contains([]string{"plain", "tls", "both"}, fields[0]) || fields[2] == "" {
			t.Fatalf("leftout.txt: %q", line)
		}
		if fields[0] == mode || fields[0] == "both" {
			leftOut[fields[1]] = fields[2]
		}
	}
	return leftOut
}

var resultLine = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+)`)

// runSuite returns the result of every test that ran.
func runSuite(t *testing.T, binary, temp, mode string, leftOut map[string]string) map[string]string {
	t.Helper()
	var skip []string
	for name := range leftOut {
		skip = append(skip, anchored(name))
	}
	slices.Sort(skip)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.timeout=200s", "-test.skip="+strings.Join(skip, "|"))
	cmd.Dir = filepath.Join(temp, "esdb")
	if err := os.MkdirAll(cmd.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "EVENTSTORE_INSECURE="+map[string]string{"plain": "true", "tls": "false"}[mode], "TMPDIR="+temp)
	out, err := cmd.CombinedOutput()
	results := map[string]string{}
	scanner := bufio.NewScanner(bytes.NewReader(out))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if m := resultLine.FindStringSubmatch(scanner.Text()); m != nil {
			results[m[2]] = m[1]
		}
	}
	if err != nil {
		t.Errorf("the suite: %v\n%s", err, tail(out, 20_000))
	}
	return results
}

// anchored makes a test name a pattern that matches it and its subtests only.
func anchored(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = "^" + regexp.QuoteMeta(parts[i]) + "$"
	}
	return strings.Join(parts, "/")
}

func tail(out []byte, n int) []byte { return out[max(0, len(out)-n):] }

func judge(t *testing.T, results, leftOut map[string]string) {
	t.Helper()
	passed := 0
	for name, result := range results {
		isGroup := false
		for other := range results {
			isGroup = isGroup || strings.HasPrefix(other, name+"/")
		}
		switch {
		case isGroup:
		case result == "PASS":
			passed++
		default:
			t.Errorf("%s: %s, and leftout.txt does not list it", name, result)
		}
	}
	for name, reason := range leftOut {
		t.Logf("left out: %s: %s", name, reason)
	}
	t.Logf("%d tests of the official client passed, %d left out", passed, len(leftOut))
	if passed < 60 {
		t.Errorf("only %d tests passed", passed)
	}
}
