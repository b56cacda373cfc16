package esdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"avportal/eventstore/node"
)

const (
	nodeDir    = "AVPORTAL_TEST_NODE_DIR"
	nodeListen = "AVPORTAL_TEST_NODE_LISTEN"
)

// TestMain is also the process that is killed: started with a data folder in its environment, the test binary is a node.
func TestMain(m *testing.M) {
	if dir := os.Getenv(nodeDir); dir != "" {
		if err := runNode(dir, os.Getenv(nodeListen)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m,
		// The client forgets a connection when a call asks for one just after another has told that it broke.
		goleak.IgnoreAnyFunction("google.golang.org/grpc/internal/grpcsync.(*CallbackSerializer).run"),
		// The proxy leaves links behind that it was told to break.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
	)
}

func runNode(dir, listen string) error {
	n, err := node.Open(context.Background(), node.Config{Dir: dir, Listen: listen})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	return n.Close()
}

// process is a node in a process of its own, at an address that survives it.
type process struct {
	dir, listen string
	cmd         *exec.Cmd
}

func newProcess(tb testing.TB) *process {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &process{dir: tb.TempDir(), listen: l.Addr().String()}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.kill)
	return p
}

func (p *process) connectionString() string { return "esdb://" + p.listen + "?tls=false" }

// start returns when the node serves.
func (p *process) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), nodeDir+"="+p.dir, nodeListen+"="+p.listen)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		var failure strings.Builder
		cmd.Stderr = &failure
		if err := cmd.Start(); err != nil {
			return err
		}
		if line, _ := bufio.NewReader(out).ReadString('\n'); line == "ready\n" {
			p.cmd = cmd
			return nil
		}
		if err := cmd.Wait(); err != nil && !strings.Contains(failure.String(), "address already in use") {
			return fmt.Errorf("node: %w: %s", err, failure.String())
		}
	}
	return errors.New("the node did not start in time")
}

// kill ends the node as a power cut would end its process.
func (p *process) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}
