package storage

import "sync"

// maxQueued bounds the bytes of appends that wait to be decided; callers beyond that wait in submit.
const maxQueued = 32 << 20

// queue hands appends to the writer, all that wait at once.
type queue struct {
	mu     sync.Mutex
	filled sync.Cond
	room   sync.Cond
	items  []*Append
	bytes  int
	closed error
}

func newQueue() *queue {
	q := &queue{}
	q.filled.L, q.room.L = &q.mu, &q.mu
	return q
}

// put adds an append, or returns why the queue takes no more.
func (q *queue) put(a *Append) error {
	size := a.size()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.bytes > maxQueued && q.closed == nil {
		q.room.Wait()
	}
	if q.closed != nil {
		return q.closed
	}
	q.items = append(q.items, a)
	q.bytes += size
	if len(q.items) == 1 {
		q.filled.Signal()
	}
	return nil
}

// take waits for appends and returns all of them, in exchange for a slice to be filled next. It returns nil when
// the queue is closed and empty.
func (q *queue) take(spare []*Append) []*Append {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 {
		if q.closed != nil {
			return nil
		}
		q.filled.Wait()
	}
	items := q.items
	q.items, q.bytes = spare[:0], 0
	q.room.Broadcast()
	return items
}

// close refuses further appends with err; those that wait already can still be taken.
func (q *queue) close(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = err
	}
	q.filled.Broadcast()
	q.room.Broadcast()
}
