package storage

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// A commit is what one fsync makes durable: the events of many appends, and the answers to them.
type commit struct {
	batch   *pebble.Batch // nil if nothing is to be written
	records []Record
	appends []*Append
	last    uint64        // position of its last event or link, 0 if it has none
	applied chan struct{} // closed when Pebble has taken the batch
}

func newCommit(appends int) *commit {
	return &commit{appends: make([]*Append, 0, appends), applied: make(chan struct{})}
}

// maxUnsynced is how many commits may wait for their fsync while the next is decided: Pebble syncs them together.
const maxUnsynced = 2

// pipeline holds the commits between the writer and complete, in the order in which they were decided. A commit is
// put here before Pebble gets it, so that its appends are answered also when Pebble never returns.
type pipeline struct {
	mu      sync.Mutex
	changed sync.Cond
	commits []*commit
	closed  bool
}

func newPipeline() *pipeline {
	p := &pipeline{}
	p.changed.L = &p.mu
	return p
}

// put waits for room. It returns false if nobody takes commits any more.
func (p *pipeline) put(c *commit) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.commits) >= maxUnsynced && !p.closed {
		p.changed.Wait()
	}
	if p.closed {
		return false
	}
	p.commits = append(p.commits, c)
	p.changed.Broadcast()
	return true
}

// take waits for the next commit. It returns nil when there will be none, or stopped says so.
func (p *pipeline) take(stopped func() bool) *commit {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.commits) == 0 && !p.closed && !stopped() {
		p.changed.Wait()
	}
	if len(p.commits) == 0 {
		p.closed = true
		p.changed.Broadcast()
		return nil
	}
	c := p.commits[0]
	p.commits = append(p.commits[:0], p.commits[1:]...)
	p.changed.Broadcast()
	return c
}

func (p *pipeline) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.changed.Broadcast()
}

func (p *pipeline) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed.Broadcast()
}

// complete waits for the fsync of each commit, shows its events to readers and answers its appends.
func (db *DB) complete() {
	for c := db.commits.take(db.stopped); c != nil; c = db.commits.take(db.stopped) {
		if err := db.synced(c); err != nil {
			db.stop(err)
		}
		if db.stopped() {
			db.refuse(c)
			continue
		}
		if c.last > 0 {
			db.live.publish(c.records)
			db.visible.Store(c.last)
			db.changed.broadcast()
		}
		for _, a := range c.appends {
			a.Done(a)
		}
		db.idle.Reset(idleTime)
	}
	db.refuseQueued()
}

// synced waits until the commit is durable, or the log has failed.
func (db *DB) synced(c *commit) error {
	select {
	case <-c.applied:
	case <-db.failed:
		return nil
	}
	if c.batch == nil || db.stopped() {
		return nil
	}
	if err := c.batch.SyncWait(); err != nil {
		return err
	}
	return c.batch.Close()
}

// refuse answers the appends of a commit whose fate is unknown because the log has failed.
func (db *DB) refuse(c *commit) {
	if c == nil {
		return
	}
	for _, a := range c.appends {
		a.Err = ErrClosed
		if db.stopped() {
			a.Err = db.stopError()
		}
		a.Done(a)
	}
}

// refuseQueued answers what the writer will not come to any more.
func (db *DB) refuseQueued() {
	db.queue.close(ErrClosed)
	for {
		rest := db.queue.take(nil)
		if rest == nil {
			return
		}
		db.refuse(&commit{appends: rest})
	}
}
