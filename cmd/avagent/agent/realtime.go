package agent

import (
	"context"
	"sync"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/findings"
	"avportal/cmd/avagent/state"
	"avportal/cmd/avagent/watcher"
	"avportal/http/agent/wire"
)

const realtimeKey = "realtime"

// Realtime is how the guard stands that scans files as soon as they have been written. It stands on disk, since other processes
// report too.
type Realtime struct {
	On bool `json:"on"`
	// Problem is why the guard is off although it should be on.
	Problem string `json:"problem,omitempty"`
}

// realtime is the guard itself.
type realtime struct {
	mu      sync.Mutex
	cancel  context.CancelFunc // nil while it is off
	ended   chan struct{}      // closed when it has ended, by itself or not
	failure error              // why it has ended by itself
	failed  chan struct{}      // holds a token when it has
}

// keepRealtime has the guard as the settings in force say, and tries again where that is not possible.
func (a *Agent) keepRealtime(ctx context.Context) error {
	defer a.endRealtime()
	for ctx.Err() == nil {
		c, err := a.configuration()
		if err != nil {
			return err
		}
		if err := a.switchRealtime(ctx, c.Protection.Realtime); err != nil {
			return err
		}
		pause(ctx, a.realtime.failed, autoscanEvery)
	}
	return nil
}

// switchRealtime turns the guard on or off. That it can't be turned on is no error, but noted.
func (a *Agent) switchRealtime(ctx context.Context, on bool) error {
	g := &a.realtime
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cancel != nil {
		select {
		case <-g.ended:
			g.cancel()
			g.cancel = nil
			a.cfg.Log.ErrorContext(ctx, "files are not scanned any more as they are written", "error", g.failure)
			return a.noteRealtime(Realtime{Problem: g.failure.Error()}) // and another try at the next look
		default:
		}
	}
	switch {
	case on && g.cancel == nil:
		return a.startRealtime(ctx)
	case !on:
		g.end()
		return a.noteRealtime(Realtime{})
	}
	return nil
}

// startRealtime must be called with the lock.
func (a *Agent) startRealtime(ctx context.Context) error {
	g := &a.realtime
	roots, err := a.watched()
	var w *watcher.Watcher
	if err == nil {
		w, err = watcher.New(watcher.Config{Roots: roots, Skip: a.notWatched})
	}
	if err != nil {
		a.cfg.Log.WarnContext(ctx, "files can't be scanned as they are written", "error", err)
		return a.noteRealtime(Realtime{Problem: err.Error()})
	}
	ctx, g.cancel = context.WithCancel(ctx)
	ended := make(chan struct{})
	g.ended = ended
	go func() {
		failure := w.Run(ctx, a.scanChanged)
		if ctx.Err() == nil {
			g.failure = failure
			defer wake(g.failed)
		}
		close(ended)
	}()
	a.cfg.Log.InfoContext(ctx, "files are scanned as they are written", "roots", roots)
	return a.noteRealtime(Realtime{On: true})
}

// end must be called with the lock.
func (g *realtime) end() {
	if g.cancel != nil {
		g.cancel()
		<-g.ended
		g.cancel = nil
	}
}

// endRealtime ends the guard with the agent.
func (a *Agent) endRealtime() {
	a.realtime.mu.Lock()
	defer a.realtime.mu.Unlock()
	if a.realtime.cancel == nil {
		return
	}
	a.realtime.end()
	if err := a.noteRealtime(Realtime{Problem: "the agent does not run"}); err != nil {
		a.cfg.Log.Error("the state can't be written", "error", err)
	}
}

func (a *Agent) noteRealtime(r Realtime) error {
	var before Realtime
	return a.cfg.Dir.Update(func(tx *bbolt.Tx) error {
		if err := state.Get(tx, metaBucket, realtimeKey, &before); err != nil || before == r {
			return err
		}
		return state.Put(tx, metaBucket, realtimeKey, r)
	})
}

func (a *Agent) readRealtime() (r Realtime, err error) {
	err = a.cfg.Dir.View(func(tx *bbolt.Tx) error { return state.Get(tx, metaBucket, realtimeKey, &r) })
	return r, err
}

// watched are the folders whose files are scanned as they are written: those of a quick scan, where what people receive lies.
func (a *Agent) watched() ([]string, error) { return a.resolveAll(wire.ProfileQuick, nil) }

// notWatched leaves out what the agent itself writes all the time, and what holds no files of anyone.
func (a *Agent) notWatched(dir string) bool {
	own, err := resolve(a.cfg.Dir.Path())
	return err == nil && dir == own || len(engine.Expand([]string{dir})) == 0
}

// scanChanged scans files that have been written, and tells the portal if that brings something new. It is not the last scan: nobody
// asked for it.
func (a *Agent) scanChanged(ctx context.Context, paths []string) {
	s := a.scan(ctx, wire.ProfilePath, paths, "")
	if ctx.Err() != nil {
		return
	}
	if s.err != nil {
		a.cfg.Log.WarnContext(ctx, "what was written can't be scanned", "files", len(paths), "error", s.err)
	}
	news := 0
	err := a.cfg.Dir.Update(func(tx *bbolt.Tx) (err error) {
		if _, err = s.recordFindings(tx); err == nil {
			news, err = findings.News(tx)
		}
		return err
	})
	if err == nil && news > 0 {
		_, err = a.Report(ctx)
	}
	if err != nil {
		a.cfg.Log.ErrorContext(ctx, "what was found can't be kept", "error", err)
	}
}
