package storage

import (
	"sort"
	"sync"
)

// ring keeps the latest records in memory, for readers that follow the log: they are served without storage.
type ring struct {
	mu      sync.RWMutex
	records []*Record // a circle
	start   int
	count   int
	bytes   int
	floor   uint64 // every record with a position above is in the ring
}

const (
	ringRecords = 16384
	ringBytes   = 16 << 20
)

func newRing(floor uint64) *ring {
	return &ring{records: make([]*Record, ringRecords), floor: floor}
}

func (r *ring) at(i int) *Record { return r.records[(r.start+i)%len(r.records)] }

func (r *ring) publish(records []Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range records {
		record := &records[i]
		for r.count == len(r.records) || r.count > 0 && r.bytes+len(record.body) > ringBytes {
			oldest := r.at(0)
			r.floor = oldest.End()
			r.bytes -= len(oldest.body)
			r.records[r.start] = nil
			r.start, r.count = (r.start+1)%len(r.records), r.count-1
		}
		r.records[(r.start+r.count)%len(r.records)] = record
		r.count++
		r.bytes += len(record.body)
	}
}

// after appends the records that end after the position, up to the capacity of dst. covered is false if the
// ring does not reach back that far.
func (r *ring) after(position uint64, dst []*Record) (records []*Record, covered bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if position < r.floor {
		return dst, false
	}
	first := sort.Search(r.count, func(i int) bool { return r.at(i).End() > position })
	for i := first; i < r.count && len(dst) < cap(dst); i++ {
		dst = append(dst, r.at(i))
	}
	return dst, true
}

// broadcast wakes everyone who waits for something to change.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

func newBroadcast() *broadcast { return &broadcast{ch: make(chan struct{})} }

// wait returns a channel that is closed at the next change.
func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

func (b *broadcast) broadcast() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}

// ScanLive calls visit for events after the position from memory. covered is false if memory does not reach
// back that far; then nothing was visited and the caller reads from storage. It returns the position up to
// which everything was visited.
func (db *DB) ScanLive(after uint64, visit func(*Entry) bool) (reached uint64, covered bool, err error) {
	limit := db.visible.Load()
	var space [256]*Record
	records, covered := db.live.after(after, space[:0])
	reached = after
	if !covered {
		return reached, false, nil
	}
	var buf [maxEntries]Entry
	for _, record := range records {
		if record.End() > limit {
			break
		}
		entries, err := record.entries(db.salt, &buf)
		if err != nil {
			return reached, true, err
		}
		for i := range entries {
			if entries[i].Position() <= after {
				continue
			}
			reached = entries[i].Position()
			if !visit(&entries[i]) {
				return reached, true, nil
			}
		}
	}
	return reached, true, nil
}

// Changed returns a channel that is closed when the next event becomes durable or the log stops. Take the
// channel first, look then, wait last.
func (db *DB) Changed() <-chan struct{} { return db.changed.wait() }

// Last is the position of the last durable event, 0 for an empty log.
func (db *DB) Last() uint64 { return db.visible.Load() }
