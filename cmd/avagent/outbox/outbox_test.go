package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"avportal/cmd/avagent/state"
)

// TestQueueAgainstAModel drives the queue, with restarts, beside the plainest list that keeps its promises.
func TestQueueAgainstAModel(t *testing.T) {
	const maxEntries, maxBytes = 6, 1500
	n, dir := 0, t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		n++
		m := &model{path: filepath.Join(dir, fmt.Sprint(n, ".db")), maxEntries: maxEntries, maxBytes: maxBytes}
		m.open(t)
		defer func() { _ = m.db.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"put":     func(t *rapid.T) { m.put(t) },
			"done":    func(t *rapid.T) { m.take(t, Done) },
			"reject":  func(t *rapid.T) { m.rejected += m.take(t, Reject) },
			"restart": func(t *rapid.T) { _ = m.db.Close(); m.open(t) },
			"fail":    func(t *rapid.T) { m.rolledBack(t) },
			"":        func(t *rapid.T) { m.check(t) },
		})
	})
}

type modelEntry struct {
	Entry
	size int
}

type model struct {
	path                 string
	db                   *bbolt.DB
	maxEntries, maxBytes int
	queue                []modelEntry
	dropped, rejected    int
	next                 int
}

func (m *model) open(t *rapid.T) {
	db, err := bbolt.Open(m.path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	m.db = db
}

func (m *model) entry(t *rapid.T) Entry {
	m.next++
	body, _ := json.Marshal(rapid.StringN(0, 400, 500).Draw(t, "body"))
	return Entry{Class: Class(rapid.IntRange(0, int(classes)-1).Draw(t, "class")), Path: "/p", Key: fmt.Sprint(m.next), Body: body}
}

func (m *model) put(t *rapid.T) {
	e := m.entry(t)
	if err := m.db.Update(func(tx *bbolt.Tx) error { return put(tx, e, m.maxEntries, m.maxBytes) }); err != nil {
		t.Fatal(err)
	}
	content, _ := state.Encode(e)
	m.queue = append(m.queue, modelEntry{e, len(content)})
	for m.over() {
		cheapest := slices.MinFunc(m.queue, func(a, b modelEntry) int { return int(a.Class - b.Class) }).Class
		i := slices.IndexFunc(m.queue, func(e modelEntry) bool { return e.Class == cheapest })
		m.queue = slices.Delete(m.queue, i, i+1)
		m.dropped++
	}
}

func (m *model) over() bool {
	bytes := 0
	for _, e := range m.queue {
		bytes += e.size
	}
	return len(m.queue) > m.maxEntries || bytes > m.maxBytes
}

func (m *model) take(t *rapid.T, how func(*bbolt.Tx, uint64) error) (taken int) {
	if err := m.db.Update(func(tx *bbolt.Tx) error {
		_, number, ok, err := Next(tx)
		if err != nil || !ok {
			return err
		}
		return errors.Join(how(tx, number), how(tx, number)) // the second time changes nothing
	}); err != nil {
		t.Fatal(err)
	}
	if len(m.queue) == 0 {
		return 0
	}
	m.queue = m.queue[1:]
	return 1
}

func (m *model) rolledBack(t *rapid.T) {
	e, stop := m.entry(t), errors.New("crash")
	if err := m.db.Update(func(tx *bbolt.Tx) error { return errors.Join(put(tx, e, m.maxEntries, m.maxBytes), stop) }); !errors.Is(err, stop) {
		t.Fatal(err)
	}
}

func (m *model) check(t *rapid.T) {
	var keys, want []string
	var s Stats
	if err := m.db.View(func(tx *bbolt.Tx) (err error) {
		if b := tx.Bucket([]byte(bucket)); b != nil {
			_ = b.ForEach(func(_, v []byte) error {
				var e Entry
				_ = json.Unmarshal(v, &e)
				keys = append(keys, e.Key)
				return nil
			})
		}
		s, err = Read(tx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, e := range m.queue {
		want = append(want, e.Key)
		bytes += e.size
	}
	if !slices.Equal(keys, want) || s.Entries != len(want) || s.Bytes != bytes || s.Dropped != m.dropped || s.Rejected != m.rejected {
		t.Fatalf("queue %v %+v\nmodel %v, %d bytes, %d dropped, %d rejected", keys, s, want, bytes, m.dropped, m.rejected)
	}
}

func TestAThreatOutlastsAFloodOfFacts(t *testing.T) {
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Update(func(tx *bbolt.Tx) error {
		err := Put(tx, Entry{Class: Threats, Key: "threat", Body: json.RawMessage(`{}`)})
		for i := range MaxEntries + 50 {
			err = errors.Join(err, Put(tx, Entry{Class: Facts, Key: fmt.Sprint(i), Body: json.RawMessage(`{}`)}))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := dir.View(func(tx *bbolt.Tx) error {
		e, _, ok, err := Next(tx)
		if !ok || e.Key != "threat" {
			t.Errorf("oldest is %q, want the threat", e.Key)
		}
		s, statErr := Read(tx)
		if s.Entries != MaxEntries || s.Dropped != 51 || s.ByClass[Threats] != 1 {
			t.Errorf("stats %+v", s)
		}
		return errors.Join(err, statErr)
	}); err != nil {
		t.Fatal(err)
	}
}
