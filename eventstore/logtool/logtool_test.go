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
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"avportal/eventstore/logtool"
	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// copyVariable makes the test binary copy "from to" until it is done or killed.
const copyVariable = "AVPORTAL_LOGTOOL_TEST_COPY"

func TestMain(m *testing.M) {
	if from, to, ok := strings.Cut(os.Getenv(copyVariable), " "); ok {
		if _, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: from, To: to}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func connect(tb testing.TB, n *node.Node) *esdb.Client {
	tb.Helper()
	config, err := esdb.ParseConnectionString(n.ConnectionString())
	if err != nil {
		tb.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func event(text string) esdb.EventData {
	return esdb.EventData{
		EventID: uuid.New(), EventType: "happened", ContentType: esdb.ContentTypeJson,
		Data: fmt.Appendf(nil, `{"text":%q}`, text), Metadata: []byte(`{"$correlationId":"` + text + `"}`),
	}
}

func appendTo(tb testing.TB, c *esdb.Client, stream string, events ...esdb.EventData) {
	tb.Helper()
	if _, err := c.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{}, events...); err != nil {
		tb.Fatal(err)
	}
}

// fill writes a log with everything that a log may hold.
func fill(tb testing.TB, c *esdb.Client, events int) {
	tb.Helper()
	ctx := context.Background()
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 8 {
		appendTo(tb, c, fmt.Sprintf("order-%d", i), event("first"))
	}
	for left := events; left > 0; {
		n := min(left, 1+rng.IntN(5))
		var batch []esdb.EventData
		for range n {
			batch = append(batch, event(fmt.Sprint(left)))
		}
		appendTo(tb, c, fmt.Sprintf("order-%d", rng.IntN(40)), batch...)
		left -= n
	}
	binary := event("b")
	binary.ContentType, binary.Data, binary.Metadata, binary.EventType = esdb.ContentTypeBinary, []byte{0, 1, 255}, nil, "Ünï côdé"
	appendTo(tb, c, "binary-1", binary, esdb.EventData{EventID: uuid.New(), EventType: "empty"})
	appendTo(tb, c, "links-1", esdb.EventData{EventID: uuid.New(), EventType: "$>", Data: []byte("0@binary-1")})
	meta := esdb.StreamMetadata{}
	meta.SetMaxCount(3)
	_, err := c.SetStreamMetadata(ctx, "order-1", esdb.AppendToStreamOptions{}, meta)
	must(err)
	// Deleted and written again, twice; with one event and with several.
	for range 2 {
		_, err = c.DeleteStream(ctx, "order-2", esdb.DeleteStreamOptions{})
		must(err)
		appendTo(tb, c, "order-2", event("again"), event("and again"))
	}
	_, err = c.DeleteStream(ctx, "order-3", esdb.DeleteStreamOptions{})
	must(err)
	_, err = c.SetStreamMetadata(ctx, "order-3", esdb.AppendToStreamOptions{}, meta) // which ends the deletion, too
	must(err)
	_, err = c.DeleteStream(ctx, "order-4", esdb.DeleteStreamOptions{}) // and stays deleted
	must(err)
	_, err = c.TombstoneStream(ctx, "order-5", esdb.TombstoneStreamOptions{})
	must(err)
	_, err = c.TombstoneStream(ctx, "never-was", esdb.TombstoneStreamOptions{})
	must(err)
	truncated := esdb.StreamMetadata{}
	truncated.SetTruncateBefore(2)
	_, err = c.SetStreamMetadata(ctx, "order-6", esdb.AppendToStreamOptions{}, truncated)
	must(err)
	appendTo(tb, c, "order-6", event("after"))
}

func copyLog(tb testing.TB, from, to *node.Node) logtool.CopyResult {
	tb.Helper()
	result, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: from.ConnectionString(), To: to.ConnectionString()})
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// read gives the events of a stream as text, without positions and times.
func read(tb testing.TB, c *esdb.Client, stream string) (all []string) {
	tb.Helper()
	r, err := c.ReadStream(context.Background(), stream, esdb.ReadStreamOptions{}, 1_000_000)
	if err != nil {
		return []string{err.Error()}
	}
	defer r.Close()
	for {
		e, err := r.Recv()
		if err != nil {
			return append(all, strings.ReplaceAll(err.Error(), "EOF", "")) // the end, or that it is deleted
		}
		o := e.OriginalEvent()
		id := o.EventID.String()
		if o.EventType == "$>" && o.ContentType != "" && strings.HasPrefix(stream, "$") {
			id = "" // the server's
		}
		all = append(all, fmt.Sprintf("%d %s %s %s %s %s", o.EventNumber, id, o.EventType, o.ContentType, o.Data, o.UserMetadata))
	}
}

// sameStreams compares what clients see.
func sameStreams(tb testing.TB, a, b *esdb.Client) {
	tb.Helper()
	streams := []string{"$ce-order", "$ce-binary", "$bc-again", "binary-1", "links-1", "never-was", "$$order-1"}
	for i := range 40 {
		streams = append(streams, fmt.Sprintf("order-%d", i))
	}
	for _, stream := range streams {
		x, y := strings.Join(read(tb, a, stream), "\n"), strings.Join(read(tb, b, stream), "\n")
		if x != y {
			tb.Errorf("stream %s:\n%s\n\nand\n%s", stream, x, y)
		}
	}
}

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
	defer target.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	sameStreams(t, connect(t, source), connect(t, target))
}

func TestBackupUnderLoadIsAPrefix(t *testing.T) {
	source := nodetest.Start(t)
	c := connect(t, source)
	fill(t, c, 500)
	var mu sync.Mutex
	acked := map[string]int{} // events by stream
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			stream := fmt.Sprintf("load-%d", w)
			for n := 1; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := c.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{}, event(fmt.Sprint(n))); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acked[stream] = n
				mu.Unlock()
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	mu.Lock()
	before := map[string]int{}
	for stream, n := range acked {
		before[stream] = n
	}
	mu.Unlock()
	file := filepath.Join(t.TempDir(), "backup")
	saved, err := logtool.Backup(context.Background(), logtool.BackupConfig{From: source.ConnectionString(), File: file})
	close(stop)
	writers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if checked, err := logtool.VerifyBackup(file); err != nil || checked != saved {
		t.Errorf("verify the backup: %+v, %v, want %+v", checked, err, saved)
	}

	dir := filepath.Join(t.TempDir(), "restored")
	result, err := logtool.Restore(context.Background(), file, dir, nil, nil)
	if err != nil || result.Fingerprint != saved.Fingerprint {
		t.Fatalf("restore: %+v, %v", result, err)
	}
	if _, err := logtool.Restore(context.Background(), file, dir, nil, nil); !errors.Is(err, logtool.ErrNotEmpty) {
		t.Errorf("restored into a folder that is not empty: %v", err)
	}
	report, err := logtool.VerifyFolder(context.Background(), dir, nil)
	if err != nil || len(report.Damage) > 0 || report.Fingerprint != saved.Fingerprint {
		t.Errorf("verify the restored folder: %+v, %v", report, err)
	}
	restored := nodetest.StartWith(t, node.Config{Dir: dir})
	r := connect(t, restored)
	sameStreams(t, c, r)
	ahead := 0
	for stream, n := range before {
		got := read(t, r, stream)
		all := read(t, c, stream)
		if len(got)-1 < n {
			t.Errorf("%s: %d events restored, %d were acknowledged before the backup began", stream, len(got)-1, n)
		}
		if k := len(got) - 1; strings.Join(got[:k], "\n") != strings.Join(all[:k], "\n") {
			t.Errorf("%s is no prefix", stream)
		}
		ahead += len(all) - len(got)
	}
	if ahead == 0 {
		t.Error("nothing was written while the backup ran; it was no test")
	}
	sameTimes(t, c, r)
}

// sameTimes compares the time stamps that $maxAge depends on.
func sameTimes(t *testing.T, a, b *esdb.Client) {
	t.Helper()
	var times [2]time.Time
	for i, c := range []*esdb.Client{a, b} {
		r, err := c.ReadStream(context.Background(), "order-7", esdb.ReadStreamOptions{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		e, err := r.Recv()
		r.Close()
		if err != nil {
			t.Fatal(err)
		}
		times[i] = e.Event.CreatedDate
	}
	if !times[0].Equal(times[1]) {
		t.Errorf("an event of %s was restored as of %s", times[0], times[1])
	}
}

func TestDamagedBackupIsFound(t *testing.T) {
	source := nodetest.StartMem(t)
	fill(t, connect(t, source), 60)
	dir := t.TempDir()
	file := filepath.Join(dir, "backup")
	if _, err := logtool.Backup(context.Background(), logtool.BackupConfig{From: source.ConnectionString(), File: file}); err != nil {
		t.Fatal(err)
	}
	if _, err := logtool.Backup(context.Background(), logtool.BackupConfig{From: source.ConnectionString(), File: file}); !errors.Is(err, os.ErrExist) {
		t.Errorf("an existing backup was replaced: %v", err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	damaged := filepath.Join(dir, "damaged")
	for i := range 1000 {
		content := append([]byte(nil), whole...)
		at := rng.IntN(len(content))
		if i%4 == 0 {
			content = content[:at]
		} else {
			content[at] ^= 1 << rng.IntN(8)
		}
		if err := os.WriteFile(damaged, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := logtool.VerifyBackup(damaged); err == nil {
			t.Fatalf("damage at byte %d was not found", at)
		}
	}
	if _, err := logtool.Restore(context.Background(), damaged, filepath.Join(dir, "restored"), nil, nil); !errors.Is(err, logtool.ErrDamaged) {
		t.Errorf("restored from a damaged backup: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "restored*"))
	if err != nil || len(left) > 0 {
		t.Errorf("a failed restore has left %v (%v)", left, err)
	}
}

func TestVerifyFolder(t *testing.T) {
	dir := t.TempDir()
	n, err := node.Open(context.Background(), node.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, connect(t, n), 300)
	if _, err := logtool.VerifyFolder(context.Background(), dir, nil); !errors.Is(err, logtool.ErrInUse) {
		t.Errorf("verified under a running node: %v", err)
	}
	running, err := logtool.VerifyServer(context.Background(), n.ConnectionString(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := logtool.VerifyFolder(context.Background(), dir, nil)
	if err != nil || len(report.Damage) > 0 || report.Fingerprint != running {
		t.Fatalf("a whole folder: %+v, %v; running it was %+v", report, err, running)
	}
	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no table files: %v", err)
	}
	f, err := os.OpenFile(tables[len(tables)-1], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], 100); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b[:], 100); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := logtool.VerifyFolder(context.Background(), dir, nil); err != nil || len(report.Damage) == 0 {
		t.Errorf("a flipped bit was not found: %+v, %v", report, err)
	}
	if _, err := logtool.VerifyFolder(context.Background(), filepath.Join(dir, "missing"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestUnixSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "logtool-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	listen := "unix:" + filepath.Join(dir, "node")
	nodetest.StartWith(t, node.Config{Dir: t.TempDir(), Listen: listen})
	a := nodetest.StartMem(t)
	fill(t, connect(t, a), 20)
	if _, err := logtool.Copy(context.Background(), logtool.CopyConfig{From: a.ConnectionString(), To: listen}); err != nil {
		t.Fatal(err)
	}
}
