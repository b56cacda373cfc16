package storage

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// maxCommit bounds the bytes of one commit, so that none outgrows Pebble's memtable.
const maxCommit = 8 << 20

// writer is the state of the one goroutine that decides appends. Nothing else touches it.
type writer struct {
	db      *DB
	heads   *twoGenerations[string, *head]
	recent  *twoGenerations[[16]byte, recentWrite]
	names   *names
	next    uint64 // position of the next event
	lookups *reader
	began   time.Time // of the commit, for deadlines
	created string    // of its events: ticks, by the clock of the options
	space   reserve
	short   bool // too little space for the appends at hand

	c       *commit
	arena   arena
	values  []value // records of the commit
	bytes   int     // of them
	touched []*head
	scratch []byte
	links   []pendingLink
}

// value is a stored record without its checksum.
type value struct {
	position uint64
	content  []byte
}

type pendingLink struct {
	projection Projection
	target     target
	head       *head
}

// run decides appends until the queue is closed. After a failure Pebble may never let the goroutine go on: what it
// was about to commit is answered by others (see pipeline).
func (w *writer) run() {
	defer w.db.refuseQueued()
	defer w.db.commits.close()
	defer w.closeLookups()
	defer func() {
		if cause := recover(); cause != nil {
			w.db.stop(fmt.Errorf("writer: %v", cause))
			w.db.refuse(w.c)
		}
	}()
	var batch, spare []*Append
	for {
		if batch = w.db.queue.take(spare); batch == nil {
			return
		}
		w.c = newCommit(len(batch))
		w.began = time.Now()
		w.short = w.space.violated(w.began)
		w.created = strconv.FormatInt(w.db.options.Now().UnixNano()/100, 10)
		for i, a := range batch {
			if a.control != nil && len(w.c.appends) > 0 {
				w.finish()
				w.c = newCommit(len(batch) - i)
			}
			w.c.appends = append(w.c.appends, a)
			w.decide(a)
			if (w.bytes >= maxCommit || a.control != nil) && i < len(batch)-1 {
				w.finish()
				w.c = newCommit(len(batch) - i)
			}
		}
		w.finish()
		clear(batch)
		spare = batch
	}
}

func (w *writer) decide(a *Append) {
	switch {
	case w.db.stopped():
		a.Err = w.db.stopError()
		return
	case w.short:
		a.Err = ErrDiskFull
		return
	case !a.Deadline.IsZero() && w.began.After(a.Deadline):
		a.Err = ErrDeadline
		return
	}
	if a.control != nil {
		a.Err = a.control(w)
	} else {
		a.Err = w.perform(a)
	}
	if a.Err != nil && isFatal(a.Err) {
		w.db.stop(a.Err)
	}
}

// write adds one event to the commit and to everything that the writer remembers.
func (w *writer) write(h *head, e *Event, revision int64) (position uint64, err error) {
	position = w.next
	created := w.created
	if e.Created != 0 {
		created = strconv.FormatInt(e.Created, 10)
	}
	body, at := appendBody(w.scratch[:0], h.stream, revision, position, e, created)
	w.scratch = body
	if w.links, err = w.linksOf(w.links[:0], h, revision, e, at, body); err != nil {
		return 0, err
	}
	record := w.arena.room(recordSize(len(body), w.links))
	record = append(record, recordFormat, byte(len(w.links)))
	record = append(record, e.ID[:]...)
	record = binary.AppendUvarint(record, uint64(len(body)))
	record = append(record, body...)
	for i := range w.links {
		l := &w.links[i]
		if l.head.last++; l.head.last == 0 {
			w.names.add(w.db.hash(l.head.stream))
		}
		record = appendLink(record, l.projection, l.target, l.head.last)
		w.index(l.head, l.head.last, ref{position: position + uint64(i) + 1, ordinal: uint8(i + 1)})
	}
	w.values = append(w.values, value{position: position, content: record[:len(record):len(record)]})
	record = binary.LittleEndian.AppendUint32(record, checksum(position, record))
	w.arena.keep(record)
	w.bytes += len(record)
	w.put(eventKey(w.scratch[:0], position), record)
	if h.last < 0 {
		w.names.add(w.db.hash(h.stream))
	}
	if revision == TombstoneRevision {
		w.tombstone(h)
	} else {
		h.last = revision
	}
	w.index(h, revision, ref{position: position})
	h.pending = append(h.pending, written{id: e.ID, revision: revision, position: position})
	w.recent.put(e.ID, recentWrite{stream: w.db.hash(h.stream), revision: revision, position: position})
	w.next = position + 1 + uint64(len(w.links))
	return position, nil
}

func (w *writer) tombstone(h *head) {
	if h.last < 0 {
		// The run at revision 0 is what says that a stream exists; this one is empty.
		w.put(indexKey(w.scratch[:0], h.stream, 0), nil)
	}
	h.tombstoned = true
}

// put adds a pair to the commit.
func (w *writer) put(key, value []byte) {
	w.scratch = key
	var err error
	if w.c.batch == nil {
		w.c.batch = w.db.pebble.NewBatch()
		err = w.c.batch.LogData(w.db.promise(), nil)
	}
	if err = errors.Join(err, w.c.batch.Set(key, value, nil)); err != nil {
		panic(err) // only for a batch that is applied already
	}
}

// linksOf lists the links that the running system projections make for the event.
func (w *writer) linksOf(links []pendingLink, h *head, revision int64, e *Event, at layout, body []byte) ([]pendingLink, error) {
	for _, p := range Projections {
		if !w.db.projectionRunning(p) {
			continue
		}
		t, found := p.linkTarget(h.stream, revision, e, at)
		if !found {
			continue
		}
		var name [96]byte
		stream := string(append(append(name[:0], p.streamPrefix()...), t.bytes(body)...))
		if len(stream) > MaxStreamName {
			continue
		}
		target, err := w.linkHead(stream)
		if err != nil {
			return nil, err
		}
		if !target.tombstoned {
			links = append(links, pendingLink{projection: p, target: t, head: target})
		}
	}
	return links, nil
}

// index notes where an event of the stream stands. Runs of neighboring revisions are written as one key when
// the commit is finished, which makes the index of a busy category cheap.
func (w *writer) index(h *head, revision int64, r ref) {
	if !h.touched {
		h.touched = true
		w.touched = append(w.touched, h)
	}
	if h.runCount > 0 && (revision != h.runFirst+int64(h.runCount) || h.runCount == maxRun) {
		w.writeRun(h)
	}
	if h.runCount == 0 {
		h.runFirst, h.runLast = revision, 0
		if h.run == nil {
			h.run = h.runSpace[:0]
		}
	}
	h.run = appendRef(h.run, h.runLast, r)
	h.runLast = r.position
	h.runCount++
}

func (w *writer) writeRun(h *head) {
	w.put(indexKey(w.scratch[:0], h.stream, h.runFirst), h.run)
	h.run, h.runCount = h.run[:0], 0
}

// finish hands the commit to the goroutine that waits for the fsync, and to Pebble, which begins to write it.
func (w *writer) finish() {
	// Neighbors in the order of keys are cheaper to insert.
	slices.SortFunc(w.touched, func(a, b *head) int {
		return cmp.Or(cmp.Compare(len(a.stream), len(b.stream)), strings.Compare(a.stream, b.stream))
	})
	for _, h := range w.touched {
		if h.runCount > 0 {
			w.writeRun(h)
		}
		h.touched, h.pending = false, h.pending[:0]
		if cap(h.pending) > maxRun {
			h.pending, h.run = nil, nil
		}
	}
	clear(w.touched)
	w.touched = w.touched[:0]
	w.collectRecords()
	w.closeLookups()
	c := w.c
	w.c = nil
	if !w.db.commits.put(c) {
		w.db.refuse(c)
		return
	}
	if c.batch != nil {
		if err := w.db.pebble.ApplyNoSyncWait(c.batch, pebble.Sync); err != nil {
			w.db.stop(err)
			return
		}
	}
	close(c.applied)
	w.heads.rotate()
	w.recent.rotate()
}

// collectRecords makes the records of the commit ready for live readers.
func (w *writer) collectRecords() {
	if len(w.values) == 0 {
		return
	}
	w.c.records = make([]Record, len(w.values))
	for i, v := range w.values {
		if err := w.c.records[i].parseUnchecked(v.position, v.content); err != nil {
			panic(err)
		}
	}
	w.c.last = w.next - 1
	clear(w.values)
	w.values, w.bytes = w.values[:0], 0
}
