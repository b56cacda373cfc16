package logtool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore/logtool"
	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

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
