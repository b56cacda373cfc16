package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"
)

// A running system projection makes its links while events are written. One that was off, or is new to an old log,
// first catches up: the writer itself makes the missing links, as events of their own, a bounded number per commit,
// and in the same commit notes how far it came. So links are there exactly once in this case, too, and in the order
// of their events.

// kindProjection + the projection's number -> projectionState.
const kindProjection = 'p'

type projectionState struct {
	Running bool `json:"running"`
	// After is the position up to which links are there, if the projection is not running.
	After uint64 `json:"after"`
}

// ProjectionStatus tells how a system projection stands.
type ProjectionStatus struct {
	Projection Projection
	Running    bool
	CatchingUp bool
	Position   uint64 // up to which links are there
}

// catchUpBatch is how many events one commit of a catch-up looks at.
const catchUpBatch = 1000

func projectionKey(p Projection) []byte { return []byte{kindProjection, byte(p)} }

func (db *DB) projectionState(p Projection) (s projectionState, found bool, err error) {
	value, closer, err := db.pebble.Get(projectionKey(p))
	if errors.Is(err, pebble.ErrNotFound) {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	err = json.Unmarshal(value, &s)
	return s, true, errors.Join(err, closer.Close())
}

// loadProjections finds out which projections run, before the writer starts. On a new log the wanted ones run from
// the first event.
func (db *DB) loadProjections(isNew bool) error {
	for _, p := range Projections {
		s, _, err := db.projectionState(p)
		if err != nil {
			return err
		}
		if isNew && db.wanted(p) {
			s.Running = true
			if err := db.pebble.Set(projectionKey(p), s.encode(), pebble.Sync); err != nil {
				return err
			}
		}
		if s.Running {
			db.running.Or(1 << p)
		}
	}
	return nil
}

func (s projectionState) encode() []byte {
	value, err := json.Marshal(s)
	if err != nil { // a bool and a number always have JSON
		panic(err)
	}
	return value
}

func (db *DB) wanted(p Projection) bool {
	for _, w := range db.options.Projections {
		if w == p {
			return true
		}
	}
	return false
}

// startWanted begins to catch up with the wanted projections that do not run.
func (db *DB) startWanted() {
	for _, p := range db.options.Projections {
		if !db.projectionRunning(p) {
			db.background.Go(func() {
				if err := db.EnableProjection(context.Background(), p); err != nil && !errors.Is(err, ErrClosed) {
					db.options.Logger.Error("a system projection could not be started", "projection", p.String(), "error", err)
				}
			})
		}
	}
}

// EnableProjection makes the missing links, and then every new one with its event. It returns when the projection
// runs.
func (db *DB) EnableProjection(ctx context.Context, p Projection) error {
	if db.catching.Or(1<<p)&(1<<p) != 0 {
		return nil // somebody is at it
	}
	defer db.catching.And(^uint32(1 << p))
	for !db.projectionRunning(p) && db.catching.Load()&(1<<p) != 0 {
		if err := db.control(ctx, func(w *writer) error { return w.catchUp(p) }); err != nil {
			return fmt.Errorf("enable %s: %w", p, err)
		}
	}
	return nil
}

// DisableProjection stops making links. EnableProjection makes up for it.
func (db *DB) DisableProjection(ctx context.Context, p Projection) error {
	db.catching.And(^uint32(1 << p))
	err := db.control(ctx, func(w *writer) error {
		if !w.db.projectionRunning(p) {
			return nil
		}
		w.db.running.And(^uint32(1 << p))
		w.noteProjection(p, projectionState{After: w.next - 1})
		return nil
	})
	if err != nil {
		return fmt.Errorf("disable %s: %w", p, err)
	}
	return nil
}

// ProjectionStatus tells how a system projection stands.
func (db *DB) ProjectionStatus(p Projection) (ProjectionStatus, error) {
	if !db.users.enter() {
		return ProjectionStatus{}, ErrClosed
	}
	defer db.users.leave()
	s, _, err := db.projectionState(p)
	status := ProjectionStatus{Projection: p, Running: s.Running, CatchingUp: !s.Running && db.catching.Load()&(1<<p) != 0, Position: s.After}
	if s.Running {
		status.Position = db.Last()
	}
	return status, err
}

// control lets the writer do something between two commits.
func (db *DB) control(ctx context.Context, do func(*writer) error) error {
	return db.Write(ctx, &Append{control: do})
}

func (w *writer) noteProjection(p Projection, s projectionState) {
	w.put(projectionKey(p), s.encode())
}

// catchUp makes the links of the next events. At the end of the log the projection runs. It is the only thing in its
// commit, so that the log that it reads is complete.
func (w *writer) catchUp(p Projection) error {
	s, _, err := w.db.projectionState(p)
	if err != nil || s.Running {
		return err
	}
	end := w.next - 1
	events := 0
	var failed error
	err = w.lookup().scanAll(s.After+1, Forwards, func(e *Entry) bool {
		if e.Position() > end || events == catchUpBatch {
			return false
		}
		s.After = e.Position()
		if e.Ordinal == 0 {
			events++
			failed = w.linkTo(p, e.Record)
		}
		return failed == nil
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if s.After == end {
		s.Running = true
		w.db.running.Or(1 << p)
	}
	w.noteProjection(p, s)
	return nil
}

// linkTo writes the link to an event that was written before.
func (w *writer) linkTo(p Projection, r *Record) error {
	stream, ok := p.linkStream(r)
	if !ok || len(stream) > MaxStreamName {
		return nil
	}
	h, err := w.head(stream)
	if err != nil || h.tombstoned {
		return err
	}
	e := Event{ID: uuid.New(), Type: LinkType, Data: fmt.Appendf(nil, "%d@%s", r.Revision, r.Stream)}
	if p == StreamByCategory {
		e.Type, e.Data = StreamReferenceType, append([]byte(nil), r.Stream...)
	}
	_, err = w.write(h, &e, h.last+1)
	return err
}

// linkStream names the stream in which the projection links the event, as linkTarget does for one being written.
func (p Projection) linkStream(r *Record) (string, bool) {
	e := &Event{Type: string(r.Type), Metadata: r.Custom}
	body, at := appendBody(nil, string(r.Stream), r.Revision, r.Position, e, "")
	t, ok := p.linkTarget(string(r.Stream), r.Revision, e, at)
	if !ok {
		return "", false
	}
	return p.streamPrefix() + string(t.bytes(body)), true
}
