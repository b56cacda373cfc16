package projections

import (
	"errors"
	"fmt"
	"sync"

	"avportal/eventstore/node/storage"
)

// runner feeds events to one engine.
type runner struct {
	db    *storage.DB
	query string

	mu       sync.Mutex
	engine   *engine
	state    []byte
	result   []byte
	position uint64
	events   int64
	fault    error
	finished bool // of a query that runs once
	once     bool

	stop  chan struct{}
	ended chan struct{}
}

// maxBatch is how many events are looked at before the state is shown.
const maxBatch = 5000

func newRunner(db *storage.DB, query string, once bool) (*runner, error) {
	engine, err := compile(query)
	if err != nil {
		return nil, err
	}
	r := &runner{db: db, query: query, engine: engine, once: once, stop: make(chan struct{}), ended: make(chan struct{})}
	if err := r.show(); err != nil {
		return nil, err
	}
	go r.run()
	return r, nil
}

// show makes the state visible.
func (r *runner) show() (err error) {
	state, err := r.engine.stateJSON()
	if err != nil {
		return err
	}
	result, err := r.engine.resultJSON()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state, r.result = state, result
	return nil
}

func (r *runner) run() {
	defer close(r.ended)
	for {
		changed := r.db.Changed()
		before := r.position
		if err := r.batch(); err != nil {
			r.mu.Lock()
			if !errors.Is(err, storage.ErrClosed) {
				r.fault = err
			}
			r.mu.Unlock()
			return
		}
		if r.position != before {
			select {
			case <-r.stop:
				return
			default:
				continue
			}
		}
		if r.once {
			r.mu.Lock()
			r.finished = true
			r.mu.Unlock()
			return
		}
		select {
		case <-changed:
			if r.db.Failure() != nil {
				return
			}
		case <-r.stop:
			return
		}
	}
}

// batch folds the next events.
func (r *runner) batch() error {
	position, events, looked := r.position, int64(0), 0
	var failed error
	err := r.db.ScanAll(position+1, storage.Forwards, func(e *storage.Entry) bool {
		position = e.Position()
		if r.engine.source.matches(e) {
			if failed = r.engine.apply(e); failed != nil {
				failed = fmt.Errorf("event %d of %s: %w", e.Revision(), e.AppendStream(nil), failed)
				return false
			}
			events++
		}
		looked++
		return looked < maxBatch
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	if events > 0 {
		if err := r.show(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position, r.events = position, r.events+events
	return nil
}

func (r *runner) close() {
	close(r.stop)
	<-r.ended
}
