package node_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// childVariable makes the test binary a node on the folder that it names, until it is killed.
const childVariable = "AVPORTAL_NODE_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		n, err := node.Open(context.Background(), node.Config{Dir: dir})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n.Addr())
		// The parent holds the other end; if it dies the child must not stay.
		_, _ = bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(2)
	}
	os.Exit(m.Run())
}

// kills is how many kill cycles the test makes.
func kills() int {
	if os.Getenv("AVPORTAL_TORTURE") != "" {
		return 200
	}
	return 20
}

// killedWriter appends to one stream, over kills of the node. What has no answer is sent again, unchanged.
type killedWriter struct {
	stream string
	acked  []uuid.UUID // by revision
	open   *streams.BatchAppendReq
	openID []uuid.UUID
}

// run appends until the node is gone.
func (w *killedWriter) run(b *batcher, rng *rand.Rand) error {
	for {
		if w.open == nil {
			var expected any = esdb.NoStream{}
			if len(w.acked) > 0 {
				expected = len(w.acked) - 1
			}
			w.open = &streams.BatchAppendReq{Options: batchOptions(w.stream, expected), IsFinal: true}
			for range 1 + rng.IntN(3) {
				id := uuid.New()
				w.openID = append(w.openID, id)
				w.open.ProposedMessages = append(w.open.ProposedMessages, proposed(id, []byte(`{"n":1}`), fmt.Appendf(nil, `{"$correlationId":"%s"}`, w.stream)))
			}
		}
		resp := b.call(w.open)
		if resp == nil {
			return nil
		}
		if resp.GetSuccess() == nil || resp.GetSuccess().GetCurrentRevision() != uint64(len(w.acked)+len(w.openID)-1) {
			return fmt.Errorf("%s after %d events: %v", w.stream, len(w.acked), resp)
		}
		w.acked = append(w.acked, w.openID...)
		w.open, w.openID = nil, nil
	}
}

// TestKilledNodeLosesNothing kills a node process under 64 writers, again and again.
func TestKilledNodeLosesNothing(t *testing.T) {
	dir := t.TempDir()
	writers := make([]*killedWriter, 64)
	for i := range writers {
		writers[i] = &killedWriter{stream: fmt.Sprintf("cat%d-%d", i%5, i)}
	}
	rng := rand.New(rand.NewPCG(1, uint64(os.Getpid())))
	for cycle := range kills() {
		killCycle(t, dir, writers, rng)
		if t.Failed() {
			t.Fatalf("in cycle %d", cycle)
		}
	}
	n := nodetest.StartWith(t, node.Config{Dir: dir})
	c := connect(t, n)
	total, links := 0, 0
	for _, w := range writers {
		got := readStream(t, c, w.stream, esdb.ReadStreamOptions{}, 1_000_000)
		// The last write may or may not have been made; it is whole or not there.
		want := append(append([]uuid.UUID(nil), w.acked...), w.openID...)
		if len(got) != len(w.acked) && len(got) != len(want) {
			t.Fatalf("%s has %d events, %d are acknowledged and %d were under way", w.stream, len(got), len(w.acked), len(w.openID))
		}
		for i, e := range got {
			if e.Event.EventID != want[i] || e.Event.EventNumber != uint64(i) {
				t.Fatalf("event %d of %s is not the one acknowledged", i, w.stream)
			}
		}
		if correlated := readStream(t, c, "$bc-"+w.stream, esdb.ReadStreamOptions{ResolveLinkTos: true}, 1_000_000); len(correlated) != len(got) {
			t.Fatalf("%d correlation links for %d events", len(correlated), len(got))
		}
		total += len(got)
	}
	for i := range 5 {
		for revision, e := range readStream(t, c, fmt.Sprintf("$ce-cat%d", i), esdb.ReadStreamOptions{ResolveLinkTos: true}, 10_000_000) {
			if e.Link.EventNumber != uint64(revision) || e.Event == nil {
				t.Fatalf("link %d of category %d", revision, i)
			}
			links++
		}
	}
	if links != total {
		t.Fatalf("%d links for %d events", links, total)
	}
	t.Logf("%d events over %d kills", total, kills())
}

func killCycle(t *testing.T, dir string, writers []*killedWriter, rng *rand.Rand) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childVariable+"="+dir)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the node did not start: %v", err)
	}
	b, closeBatcher := dialBatcher(t, strings.TrimSpace(address))
	defer closeBatcher()
	var wg sync.WaitGroup
	for _, w := range writers {
		own := rand.New(rand.NewPCG(rng.Uint64(), 1))
		wg.Go(func() {
			if err := w.run(b, own); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(time.Duration(20+rng.IntN(300)) * time.Millisecond)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
}
