// Package outbox is the queue of what the device has to tell its portal. It lies on disk, survives restarts and
// outages, and is sent oldest first. Its functions work on a transaction, so that a finding and the report about it
// become durable together or not at all.
package outbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"avportal/cmd/avagent/state"
)

// Class says what an entry is worth when the queue is full. The lowest goes first.
type Class int

// Classes, cheapest first.
const (
	Facts   Class = iota // a report in which no threat appeared or went
	Started              // a command has begun
	Result               // a command has ended
	Threats              // a report in which a threat appeared or went
	classes
)

// String names the class for people.
func (c Class) String() string {
	return [...]string{"fact reports", "command starts", "command results", "threat reports"}[c]
}

// MaxEntries and MaxBytes bound the queue. The first holds some two weeks of a portal's absence for a device whose
// facts change at every report.
const (
	MaxEntries = 1000
	MaxBytes   = 32 << 20
)

// Entry is one request to the portal, ready to send.
type Entry struct {
	Class    Class           `json:"class"`
	Path     string          `json:"path"`
	Key      string          `json:"key"` // the idempotency key
	Body     json.RawMessage `json:"body"`
	QueuedAt time.Time       `json:"queued_at"`
}

// Stats tell how the queue stands.
type Stats struct {
	Entries int           `json:"entries"`
	Bytes   int           `json:"bytes"`
	Oldest  time.Time     `json:"oldest,omitzero"`
	ByClass map[Class]int `json:"-"`
	// Dropped counts entries given up because the queue was full, Rejected those the portal would not have.
	Dropped  int `json:"dropped"`
	Rejected int `json:"rejected"`
}

const (
	bucket   = "outbox"
	counters = "outbox_counters"
)

// index is kept beside the entries so that filling the queue does not read all of it.
type index struct {
	Bytes    int          `json:"bytes"`
	Count    [classes]int `json:"count"`
	Dropped  int          `json:"dropped"`
	Rejected int          `json:"rejected"`
}

func (i index) entries() (n int) {
	for _, c := range i.Count {
		n += c
	}
	return n
}

// Put adds an entry and then, while the queue is over its bounds, gives up the oldest entry of the cheapest class there
// is. A plain fact report therefore always goes before a threat report, even if it is the one just added.
func Put(tx *bbolt.Tx, e Entry) error { return put(tx, e, MaxEntries, MaxBytes) }

func put(tx *bbolt.Tx, e Entry, maxEntries, maxBytes int) error {
	b, err := tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return err
	}
	content, err := state.Encode(e)
	if err != nil {
		return fmt.Errorf("queue an entry: %w", err)
	}
	seq, err := b.NextSequence()
	if err != nil {
		return err
	}
	ix, err := load(tx)
	if err != nil {
		return err
	}
	if err := b.Put(binary.BigEndian.AppendUint64(nil, seq), content); err != nil {
		return err
	}
	ix.Count[e.Class]++
	ix.Bytes += len(content)
	for ix.entries() > maxEntries || ix.Bytes > maxBytes {
		if err := dropCheapest(b, &ix); err != nil {
			return err
		}
	}
	return state.Put(tx, counters, "index", ix)
}

func dropCheapest(b *bbolt.Bucket, ix *index) error {
	var class Class
	for ix.Count[class] == 0 {
		class++
	}
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		var e Entry
		if err := json.Unmarshal(v, &e); err != nil {
			return fmt.Errorf("queued entry: %w", err)
		}
		if e.Class == class {
			ix.Count[class]--
			ix.Bytes -= len(v)
			ix.Dropped++
			return b.Delete(k)
		}
	}
	return errors.New("the queue's index names a class that the queue does not hold")
}

// Next is the oldest entry and its number, which Done and Reject take.
func Next(tx *bbolt.Tx) (e Entry, number uint64, ok bool, err error) {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return Entry{}, 0, false, nil
	}
	k, v := b.Cursor().First()
	if k == nil {
		return Entry{}, 0, false, nil
	}
	if err := json.Unmarshal(v, &e); err != nil {
		return Entry{}, 0, false, fmt.Errorf("queued entry: %w", err)
	}
	return e, binary.BigEndian.Uint64(k), true, nil
}

// Done forgets an entry that the portal has. One that has meanwhile been dropped is fine.
func Done(tx *bbolt.Tx, number uint64) error { return remove(tx, number, false) }

// Reject forgets an entry that the portal will never take, and counts it.
func Reject(tx *bbolt.Tx, number uint64) error { return remove(tx, number, true) }

func remove(tx *bbolt.Tx, number uint64, rejected bool) error {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil
	}
	key := binary.BigEndian.AppendUint64(nil, number)
	content := b.Get(key)
	if content == nil {
		return nil
	}
	var e Entry
	if err := json.Unmarshal(content, &e); err != nil {
		return fmt.Errorf("queued entry: %w", err)
	}
	ix, err := load(tx)
	if err != nil {
		return err
	}
	ix.Count[e.Class]--
	ix.Bytes -= len(content)
	if rejected {
		ix.Rejected++
	}
	if err := b.Delete(key); err != nil {
		return err
	}
	return state.Put(tx, counters, "index", ix)
}

// Clear forgets everything: the portal has removed the device.
func Clear(tx *bbolt.Tx) error {
	for _, name := range []string{bucket, counters} {
		if err := tx.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
			return err
		}
	}
	return nil
}

// Read tells how the queue stands.
func Read(tx *bbolt.Tx) (Stats, error) {
	ix, err := load(tx)
	if err != nil {
		return Stats{}, err
	}
	s := Stats{Entries: ix.entries(), Bytes: ix.Bytes, ByClass: map[Class]int{}, Dropped: ix.Dropped, Rejected: ix.Rejected}
	for c, n := range ix.Count {
		s.ByClass[Class(c)] = n
	}
	oldest, _, _, err := Next(tx)
	s.Oldest = oldest.QueuedAt
	return s, err
}

func load(tx *bbolt.Tx) (ix index, err error) {
	err = state.Get(tx, counters, "index", &ix)
	return ix, err
}
