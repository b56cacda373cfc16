package commands

import (
	"sync"

	"avportal/domain"
)

// watchers wakes those who wait for a stream to change, such as a device's long poll. Changes by other processes are known as
// long as the handler follows the log.
type watchers struct {
	mu      sync.Mutex
	waiting map[domain.Stream]map[chan struct{}]struct{}
}

// Watch gives a channel that receives after each change of the stream from now on; several changes may be told as
// one. stop ends it and must be called.
func (h *Handler) Watch(stream domain.Stream) (changed <-chan struct{}, stop func()) {
	w := &h.watchers
	ch := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[domain.Stream]map[chan struct{}]struct{}{}
	}
	if w.waiting[stream] == nil {
		w.waiting[stream] = map[chan struct{}]struct{}{}
	}
	w.waiting[stream][ch] = struct{}{}
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waiting[stream], ch)
		if len(w.waiting[stream]) == 0 {
			delete(w.waiting, stream)
		}
	}
}

func (w *watchers) wake(stream domain.Stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.waiting[stream] {
		signal(ch)
	}
}
