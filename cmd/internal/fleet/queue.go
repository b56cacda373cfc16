package fleet

import (
	"container/heap"
	"slices"
	"sync"
	"time"
)

// queue orders devices by when they are due.
type queue []*device

func newQueue(devices []*device) queue {
	q := queue(slices.Clone(devices))
	heap.Init(&q)
	return q
}

func (q *queue) push(d *device) { heap.Push(q, d) }
func (q *queue) pop()           { heap.Pop(q) }

// Len, Less, Swap, Push and Pop are for container/heap.
func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due < q[j].due }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push is for container/heap.
func (q *queue) Push(x any) { *q = append(*q, x.(*device)) }

// Pop is for container/heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	d := (*q)[last]
	*q = (*q)[:last]
	return d
}

// latencies keeps the last answers' times.
type latencies struct {
	mu   sync.Mutex
	ring [8192]time.Duration
	n    int
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring[l.n%len(l.ring)] = d
	l.n++
}

func (l *latencies) percentiles() (p50, p99 time.Duration) {
	l.mu.Lock()
	sorted := slices.Clone(l.ring[:min(l.n, len(l.ring))])
	l.mu.Unlock()
	if len(sorted) == 0 {
		return 0, 0
	}
	slices.Sort(sorted)
	return sorted[len(sorted)/2], sorted[len(sorted)*99/100]
}
