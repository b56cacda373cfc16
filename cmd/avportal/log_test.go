package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/reseller"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
)

// startNode runs `avportal node` and gives what it says that it serves.
func startNode(t *testing.T, args ...string) (cmd *exec.Cmd, serving string) {
	t.Helper()
	cmd = exec.Command(binary(t, "avportal"), append([]string{"node"}, args...)...)
	cmd.SysProcAttr, cmd.Stderr = childAttributes(), testWriter{t}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	serving, ok := strings.CutPrefix(strings.TrimSpace(line), "serving ")
	if err != nil || !ok {
		t.Fatalf("the node says %q: %v", line, err)
	}
	return cmd, serving
}

// avportal runs a subcommand and gives its exit code and what it printed.
func avportal(t *testing.T, env []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(binary(t, "avportal"), args...)
	cmd.Env = append(os.Environ(), env...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), problem.String()
}

func stop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the node ended with %v", err)
	}
}

func TestNodeRefusesPlaintextToTheNetwork(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:2113", "example.test:2113"} {
		code, _, problem := avportal(t, nil, "node", "--listen", listen, "--data", filepath.Join(t.TempDir(), "log"))
		if code != 1 || !strings.Contains(problem, "--tls-cert") {
			t.Errorf("--listen %s: exit code %d, %s", listen, code, problem)
		}
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, problem := avportal(t, nil, "node", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--user", "ann:"+password)
	if code != 1 || !strings.Contains(problem, "need --tls-cert") {
		t.Errorf("users without TLS: exit code %d, %s", code, problem)
	}
}

// The whole life of a log: a node on a socket, copied to one with TLS and users, backed up, restored, verified.
func TestLogTools(t *testing.T) {
	dir, err := os.MkdirTemp("", "avportal-log-") // sockets need short names
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	in := func(name string) string { return filepath.Join(dir, name) }
	socket := "unix:" + in("node.sock")
	first, _ := startNode(t, "--listen", socket, "--data", in("a"))
	if info, err := os.Stat(in("node.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	if err := first.Process.Kill(); err != nil { // what it leaves must not be in the way of the next
		t.Fatal(err)
	}
	_ = first.Wait()
	first, _ = startNode(t, "--listen", socket, "--data", in("a"))
	plain, address := startNode(t, "--listen", "127.0.0.1:0", "--data", in("b"))
	writeSome(t, address, 200)

	selfSigned(t, in("cert.pem"), in("key.pem"))
	if err := os.WriteFile(in("password"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secure, secureAddress := startNode(t, "--listen", "127.0.0.1:0", "--data", in("c"),
		"--tls-cert", in("cert.pem"), "--tls-key", in("key.pem"), "--admin", "portal:"+in("password"))
	host := strings.TrimPrefix(strings.TrimSuffix(secureAddress, "?tls=true"), "esdb://")
	secureAddress = "esdb://portal:s3cret@" + host + "?tls=true&tlsVerifyCert=false"

	var fingerprints []string
	ok := func(env []string, args ...string) {
		t.Helper()
		code, out, problem := avportal(t, env, append(append([]string{"log"}, args...), "--json")...)
		var line struct {
			Result map[string]any
		}
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if code != 0 || json.Unmarshal([]byte(lines[len(lines)-1]), &line) != nil {
			t.Fatalf("log %v: exit code %d\n%s\n%s", args, code, out, problem)
		}
		f := line.Result
		for _, key := range []string{"target", "fingerprint"} {
			if inner, found := line.Result[key].(map[string]any); found {
				f = inner
			}
		}
		fingerprints = append(fingerprints, fmt.Sprintf("%v %v %v", f["events"], f["events_sha256"], f["metadata_sha256"]))
	}
	ok(nil, "copy", "--from", address, "--to", socket)
	ok([]string{"AVPORTAL_LOG_FROM=" + socket, "AVPORTAL_LOG_TO=" + secureAddress}, "copy")
	ok(nil, "verify", "--from", secureAddress)
	ok(nil, "backup", "--from", secureAddress, "--to", in("1.avlog"))
	ok(nil, "verify", "--backup", in("1.avlog"))
	ok(nil, "restore", in("1.avlog"), "--data", in("d"))
	ok(nil, "verify", "--data", in("d"))
	ok(nil, "backup", "--data", in("d"), "--to", in("2.avlog"))
	ok(nil, "verify", "--backup", in("2.avlog"))
	for i, f := range fingerprints {
		if f != fingerprints[0] || !strings.HasPrefix(f, "200 ") {
			t.Errorf("fingerprint %d is %s, the first is %s", i, f, fingerprints[0])
		}
	}

	refused := func(want int, text string, args ...string) {
		t.Helper()
		if code, out, problem := avportal(t, nil, append([]string{"log"}, args...)...); code != want || !strings.Contains(problem, text) {
			t.Errorf("log %v: exit code %d, want %d and %q\n%s\n%s", args, code, want, text, out, problem)
		}
	}
	refused(1, "not empty", "restore", in("1.avlog"), "--data", in("d"))
	refused(1, "exists", "backup", "--from", socket, "--to", in("1.avlog"))
	refused(1, "in use", "verify", "--data", in("a"))
	refused(1, "in use", "backup", "--data", in("b"), "--to", in("3.avlog"))
	refused(1, "unknown user", "verify", "--from", strings.Replace(secureAddress, "s3cret", "wrong", 1))
	writeSome(t, secureAddress, 1)
	refused(differs, "only the target has", "copy", "--from", address, "--to", secureAddress)
	content, err := os.ReadFile(in("1.avlog"))
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(in("bad.avlog"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(differs, "damaged", "verify", "--backup", in("bad.avlog"))
	stop(t, first)
	stop(t, plain)
	stop(t, secure)
}

// writeSome appends events to streams of their own.
func writeSome(t *testing.T, address string, events int) {
	t.Helper()
	store, err := esdb.Open(esdb.Config{ConnectionString: address, Registry: catalog.Registry()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	stream := domain.Stream{Tenant: domain.Tenant(strings.ReplaceAll(uuid.NewString(), "-", "")), Kind: domain.KindReseller, ID: "1"}
	for i := range events {
		event := eventstore.Proposed{ID: uuid.New(), Event: reseller.Renamed{From: "a", To: fmt.Sprint(i)}, Meta: eventstore.Metadata{
			Correlation: uuid.New(), Causation: uuid.New(), Command: uuid.New(), Actor: domain.ActorSystem, ActorID: "test", Version: 1,
		}}
		if _, err := store.Append(t.Context(), stream, eventstore.Revision(i)-1, []eventstore.Proposed{event}); err != nil {
			t.Fatal(err)
		}
	}
}

func selfSigned(t *testing.T, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
