package memory

import (
	"context"
	"iter"
	"slices"

	"avportal/domain"
	"avportal/eventstore"
)

// Read implements eventstore.Store.
func (s *Store) Read(ctx context.Context, stream domain.Stream, from eventstore.Revision, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if ended(ctx, yield) {
			return
		}
		s.log.mu.Lock()
		entries := s.log.streams[stream]
		s.log.mu.Unlock()
		for i := range walk(len(entries), int(from), d, limit) {
			if !s.yield(ctx, entries[i], eventstore.NoStream, yield) {
				return
			}
		}
	}
}

// ReadLinks implements eventstore.Store.
func (s *Store) ReadLinks(ctx context.Context, system string, from eventstore.Revision, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if ended(ctx, yield) {
			return
		}
		s.log.mu.Lock()
		links := s.log.links[system]
		s.log.mu.Unlock()
		for i := range walk(len(links), int(from), d, limit) {
			if !s.yield(ctx, links[i], eventstore.Revision(i), yield) {
				return
			}
		}
	}
}

// ReadAll implements eventstore.Store.
func (s *Store) ReadAll(ctx context.Context, from eventstore.Position, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		if ended(ctx, yield) {
			return
		}
		all, _ := s.log.snapshot()
		start := after(all, from)
		if d == eventstore.Backward {
			start = len(all) - 1
			if !from.IsZero() {
				start = before(all, from)
			}
		}
		for i := range walk(len(all), start, d, limit) {
			if !s.yield(ctx, all[i], eventstore.NoStream, yield) {
				return
			}
		}
	}
}

// Subscribe implements eventstore.Store.
func (s *Store) Subscribe(ctx context.Context, position eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		all, changed := s.log.snapshot()
		next := after(all, position)
		for {
			for ; next < len(all); next++ {
				if !s.yield(ctx, all[next], eventstore.NoStream, yield) {
					return
				}
			}
			select {
			case <-changed:
				all, changed = s.log.snapshot()
			case <-ctx.Done():
				yield(eventstore.Recorded{}, ctx.Err())
				return
			}
		}
	}
}

// Head implements eventstore.Store.
func (s *Store) Head(ctx context.Context) (eventstore.Position, error) {
	all, _ := s.log.snapshot()
	if len(all) == 0 {
		return eventstore.Position{}, ctx.Err()
	}
	return all[len(all)-1].position, ctx.Err()
}

func (l *log) snapshot() (all []*entry, changed chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all, l.changed
}

// yield hands on one entry and reports whether to go on.
func (s *Store) yield(ctx context.Context, e *entry, link eventstore.Revision, yield func(eventstore.Recorded, error) bool) bool {
	if ended(ctx, yield) {
		return false
	}
	r, err := s.recorded(ctx, e)
	r.Link = link
	return yield(r, err) && err == nil
}

// ended tells the reader that the context has ended, if so.
func ended(ctx context.Context, yield func(eventstore.Recorded, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(eventstore.Recorded{}, err)
		return true
	}
	return false
}

// walk gives the indices of n entries from one of them in a direction, at most limit, or all if limit is 0.
func walk(n, from int, d eventstore.Direction, limit int) iter.Seq[int] {
	return func(yield func(int) bool) {
		step, i := 1, max(from, 0)
		if d == eventstore.Backward {
			step, i = -1, min(from, n-1)
		}
		for count := 0; i >= 0 && i < n && (limit == 0 || count < limit); i, count = i+step, count+1 {
			if !yield(i) {
				return
			}
		}
	}
}

// after is the index of the first entry after a position; before, of the last one before it.
func after(all []*entry, p eventstore.Position) int {
	i, found := slices.BinarySearchFunc(all, p, func(e *entry, p eventstore.Position) int { return e.position.Compare(p) })
	if found {
		i++
	}
	return i
}

func before(all []*entry, p eventstore.Position) int {
	i, _ := slices.BinarySearchFunc(all, p, func(e *entry, p eventstore.Position) int { return e.position.Compare(p) })
	return i - 1
}
