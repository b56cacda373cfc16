package logtool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore/logtool"
	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

func TestCopyThereAndBackIsEqual(t *testing.T) {
	a, b, c := nodetest.StartMem(t), nodetest.StartMem(t), nodetest.StartMem(t)
	fill(t, connect(t, a), 2000)
	there := copyLog(t, a, b)
	back := copyLog(t, b, c)
	if there.Source != back.Target || there.Source.Events < 2000 || there.Source.Metadata < 8 {
		t.Errorf("%+v\nand\n%+v", there.Source, back.Target)
	}
	sameStreams(t, connect(t, a), connect(t, b))
	sameStreams(t, connect(t, a), connect(t, c))

	// Once more there is nothing to do, and then only what is new.
	again := copyLog(t, a, b)
	if !again.Resumed || again.Target != there.Target {
		t.Errorf("a second copy: %+v", again)
	}
	appendTo(t, connect(t, a), "order-7", event("new"))
	if more := copyLog(t, a, b); more.Target.Events != there.Target.Events+1 {
		t.Errorf("after one more event: %+v", more)
	}
}

func TestCopyRefusesAnotherLog(t *testing.T) {
	a, b := nodetest.StartMem(t), nodetest.StartMem(t)
	appendTo(t, connect(t, a), "order-1", event("a"))
	appendTo(t, connect(t, b), "order-9", event("b"))
	_, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: a.ConnectionString(), To: b.ConnectionString()})
	if !errors.Is(err, logtool.ErrDiffers) {
		t.Errorf("copied over another log: %v", err)
	}
	if got := read(t, connect(t, b), "order-1"); len(got) != 1 {
		t.Errorf("and wrote %q", got)
	}
}

func TestCopyFindsWhatOthersWrote(t *testing.T) {
	a, b := nodetest.StartMem(t), nodetest.StartMem(t)
	fill(t, connect(t, a), 50)
	copyLog(t, a, b)
	appendTo(t, connect(t, b), "order-100", event("foreign"))
	_, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: a.ConnectionString(), To: b.ConnectionString()})
	if !errors.Is(err, logtool.ErrDiffers) || !strings.Contains(err.Error(), `only the target has event number`) {
		t.Errorf("a foreign event in the target: %v", err)
	}
}

func TestCopyFindsOtherMetadata(t *testing.T) {
	a, b := nodetest.StartMem(t), nodetest.StartMem(t)
	fill(t, connect(t, a), 50)
	copyLog(t, a, b)
	meta := esdb.StreamMetadata{}
	meta.SetMaxCount(3)
	if _, err := connect(t, b).SetStreamMetadata(context.Background(), "order-0", esdb.AppendToStreamOptions{}, meta); err != nil {
		t.Fatal(err)
	}
	_, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: a.ConnectionString(), To: b.ConnectionString()})
	if !errors.Is(err, logtool.ErrDiffers) || !strings.Contains(err.Error(), `only the target has metadata event number`) {
		t.Errorf("foreign metadata in the target: %v", err)
	}
}

// The copying process is killed again and again, at random points; so is the target, and the source is written to.
func TestKilledCopyGoesOn(t *testing.T) {
	source := nodetest.Start(t)
	c := connect(t, source)
	fill(t, c, 1000)
	for i := range 100 {
		var batch []esdb.EventData
		for n := range 300 {
			batch = append(batch, event(fmt.Sprint(n)))
		}
		appendTo(t, c, fmt.Sprintf("bulk-%d", i), batch...)
	}
	target := nodetest.Start(t)
	tc := connect(t, target)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	partial := 0
	for range 15 {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), copyVariable+"="+source.ConnectionString()+" "+target.ConnectionString())
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(20+rng.IntN(150)) * time.Millisecond)
		_ = child.Process.Kill() // it may be done already
		_ = child.Wait()
		if got := read(t, tc, "bulk-99"); len(got) < 300 { // one is the end
			partial++
		}
		appendTo(t, c, fmt.Sprintf("order-%d", 20+rng.IntN(10)), event("meanwhile"))
	}
	result := copyLog(t, source, target)
	if result.Source != result.Target || result.Target.Events < 31_015 || partial == 0 {
		t.Errorf("%+v", result)
	}
	sameStreams(t, c, tc)
	t.Logf("%d of 15 copies were killed before the events' end; the last one had %d events to send", partial, result.Copied)
}

// The target's process ends and comes back at its address while a copy runs.
func TestCopySurvivesRestartsOfTheTarget(t *testing.T) {
	source := nodetest.StartMem(t)
	fill(t, connect(t, source), 5000)
	dir := t.TempDir()
	target, err := node.Open(context.Background(), node.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	address := target.Addr().String()
	done := make(chan error, 1)
	go func() {
		_, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: source.ConnectionString(), To: "esdb://" + address + "?tls=false"})
		done <- err
	}()
	for range 3 {
		time.Sleep(80 * time.Millisecond)
		if err := target.Close(); err != nil {
			t.Fatal(err)
		}
		if target, err = node.Open(context.Background(), node.Config{Dir: dir, Listen: address}); err != nil {
			t.Fatal(err)
		}
	}
	defer func() { _ = target.Close() }()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	sameStreams(t, connect(t, source), connect(t, target))
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "logtool-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	listen := "unix:" + filepath.Join(dir, "node")
	nodetest.StartWith(t, node.Config{Dir: t.TempDir(), Listen: listen})
	a := nodetest.StartMem(t)
	fill(t, connect(t, a), 20)
	if _, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: a.ConnectionString(), To: listen}); err != nil {
		t.Fatal(err)
	}
}
