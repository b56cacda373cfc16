package storage_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

// seeds is how many seeds a simulation runs: a number that fits every test run, or that of make torture.
func seeds(ordinary int) int {
	if os.Getenv("AVPORTAL_TORTURE") != "" {
		return 10_000
	}
	return ordinary
}

// TestPowerLoss cuts the power at a random moment of a random load. The disk keeps everything that was synced
// and a random part of what was not, block by block. After that: every acknowledged event is there, at the place
// that was told; nothing is there that was not sent; no append is there in part; links match events.
func TestPowerLoss(t *testing.T) {
	checkLeaks(t)
	n := seeds(500)
	for seed := range n {
		if err := powerLoss(uint64(seed)); err != nil {
			t.Fatalf("seed %d of %d: %v", seed, n, err)
		}
	}
}

// sent is one append and what became of it.
type sent struct {
	storage.Append
	acked bool
}

type history struct {
	mu   sync.Mutex
	sent []*sent
}

func (h *history) submit(db *storage.DB, s *sent) {
	h.mu.Lock()
	h.sent = append(h.sent, s)
	h.mu.Unlock()
	s.Done = func(*storage.Append) {
		h.mu.Lock()
		defer h.mu.Unlock()
		s.acked = s.Err == nil
	}
	db.Submit(&s.Append)
}

// acked returns the appends that are acknowledged at this moment.
func (h *history) acked() map[*sent]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	acked := map[*sent]bool{}
	for _, s := range h.sent {
		if s.acked {
			acked[s] = true
		}
	}
	return acked
}

func powerLoss(seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	fs := vfs.NewCrashableMem()
	o := small(fs)
	o.MemTableBytes = 16 << 10 << rng.IntN(4)
	h := &history{}
	for range 1 + rng.IntN(3) {
		crashed, acked, err := runUntilPowerLoss(rng, o, h)
		if err != nil {
			return err
		}
		o.FS = crashed
		if err := checkRecovered(o, h, acked); err != nil {
			return err
		}
	}
	return nil
}

// runUntilPowerLoss opens the log, loads it, and returns what the disk holds after a power cut somewhere on the way.
func runUntilPowerLoss(rng *rand.Rand, o storage.Options, h *history) (*vfs.MemFS, map[*sent]bool, error) {
	db, err := storage.Open(o)
	if err != nil {
		return nil, nil, err
	}
	var crashed *vfs.MemFS
	var acked map[*sent]bool
	appends := rng.IntN(200)
	cut := rng.IntN(appends + 1)
	for i := range appends + 1 {
		if i == cut {
			acked = h.acked()
			crashed = o.FS.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rand.New(rand.NewPCG(rng.Uint64(), 2))})
		}
		if i < appends {
			h.submit(db, randomAppend(rng))
			if rng.IntN(20) == 0 {
				waitForAnswers(db)
			}
		}
	}
	return crashed, acked, db.Close()
}

// waitForAnswers lets everything that was submitted be answered.
func waitForAnswers(db *storage.DB) {
	done := make(chan struct{})
	db.Submit(&storage.Append{Stream: "wait", Expected: storage.Any, Done: func(*storage.Append) { close(done) }})
	<-done
}

func randomAppend(rng *rand.Rand) *sent {
	s := &sent{Append: storage.Append{Stream: fmt.Sprintf("c%d-%d", rng.IntN(3), rng.IntN(4)), Expected: storage.Any}}
	switch rng.IntN(40) {
	case 0:
		s.Operation = storage.OpDelete
		return s
	case 1:
		s.Operation = storage.OpTombstone
		s.Stream += "-gone"
		return s
	}
	for range 1 + rng.IntN(4) {
		e := newEvent(fmt.Sprint(rng.IntN(5)))
		e.Data = []byte(strings.Repeat("d", rng.IntN(2000)))
		s.Events = append(s.Events, e)
	}
	return s
}

func checkRecovered(o storage.Options, h *history, acked map[*sent]bool) (err error) {
	db, err := storage.Open(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	all, err := readLog(db)
	if err != nil {
		return err
	}
	found := map[uuid.UUID]stored{}
	links := 0
	for i, e := range all {
		if e.position != uint64(i)+1 {
			return fmt.Errorf("event %d stands at position %d", i, e.position)
		}
		if e.link {
			links++
			continue
		}
		if _, twice := found[e.id]; twice {
			return fmt.Errorf("event %s is there twice", e.id)
		}
		found[e.id] = e
	}
	phantoms := len(found)
	for _, s := range h.sent {
		if s.Operation != storage.OpAppend {
			continue
		}
		present := 0
		for _, e := range s.Events {
			if f, ok := found[e.ID]; ok && f.stream == s.Stream && f.data == string(e.Data) {
				present++
			}
		}
		phantoms -= present
		switch last := len(s.Events) - 1; {
		case present != 0 && present != len(s.Events):
			return fmt.Errorf("%d of the %d events of an append are there", present, len(s.Events))
		case acked[s] && present == 0:
			return fmt.Errorf("an acknowledged append to %s is lost", s.Stream)
		case acked[s] && found[s.Events[last].ID].position != s.Position:
			return fmt.Errorf("an event of %s stands elsewhere than was acknowledged", s.Stream)
		}
	}
	for _, e := range found {
		if e.kind == storage.MetadataType || e.kind == storage.StreamDeletedType {
			phantoms--
		}
	}
	if phantoms != 0 {
		return fmt.Errorf("%d events that nobody sent", phantoms)
	}
	report, err := db.Verify(context.Background())
	if err == nil && len(report.Damage) > 0 {
		err = report.Damage[0]
	}
	h.recovered(found)
	return err
}

// recovered counts what is there after a restart as acknowledged, for readers have seen it now, and forgets the rest.
func (h *history) recovered(found map[uuid.UUID]stored) {
	var kept []*sent
	for _, s := range h.sent {
		if s.Operation != storage.OpAppend {
			continue
		}
		if f, ok := found[s.Events[len(s.Events)-1].ID]; ok {
			s.acked, s.Position = true, f.position
			kept = append(kept, s)
		}
	}
	h.sent = kept
}
