package storage

import "sync"

// users counts who is using the storage engine, which panics when it is used after it was closed. A user may
// enter again while inside, also while close waits; a read-write mutex would not allow that.
type users struct {
	mu     sync.Mutex
	inside sync.WaitGroup
	closed bool
}

func (u *users) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.inside.Add(1)
	return true
}

func (u *users) leave() { u.inside.Done() }

// close lets nobody in any more and waits until everyone has left, or the engine has failed and may not let them
// go. It returns false if it was called before.
func (u *users) close(failed <-chan struct{}) bool {
	u.mu.Lock()
	first := !u.closed
	u.closed = true
	u.mu.Unlock()
	left := make(chan struct{})
	go func() {
		defer close(left)
		u.inside.Wait()
	}()
	select {
	case <-left:
	case <-failed:
	}
	return first
}
