package logtool

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"
)

// CopyConfig says what to copy. From and To are connection strings, or unix:/path.
type CopyConfig struct {
	From, To string
	Patience time.Duration  // how long a server may be away without progress; 0 for a minute
	Progress func(Progress) // may be nil; is called about once a second, and from several goroutines
	Logger   *slog.Logger   // may be nil
}

// Progress of a tool that goes through a log.
type Progress struct {
	Phase     string  `json:"phase"`
	Events    uint64  `json:"events"` // in this phase
	PerSecond float64 `json:"per_second"`
	Position  uint64  `json:"position"` // in the source
	Head      uint64  `json:"head"`     // where the phase ends
}

// CopyResult is what a copy did.
type CopyResult struct {
	Copied  uint64      `json:"copied"`  // in this run, with the few that a repeated attempt sent again
	Resumed bool        `json:"resumed"` // an earlier run had begun
	Head    uint64      `json:"head"`    // the position in the source up to which it was copied
	Source  Fingerprint `json:"source"`
	Target  Fingerprint `json:"target"`
}

// Copy copies a log as far as it reaches when Copy begins, and then reads both logs and compares them. The target tells
// how far an earlier run has come, so no state is kept elsewhere: to go on after an interruption, or to fetch what was
// written to the source meanwhile, run it again. Nobody else may write to the target.
//
// It returns ErrDiffers if the target is not what the source is, and ErrGap for a source that was scavenged: revisions
// that are gone can't be kept.
func Copy(ctx context.Context, c CopyConfig) (result CopyResult, err error) {
	from, err := dial(ctx, c.From, c.Patience, c.Logger)
	if err != nil {
		return result, fmt.Errorf("source: %w", err)
	}
	defer func() { err = errors.Join(err, from.close()) }()
	if result.Head, err = from.head(ctx); err != nil {
		return result, fmt.Errorf("source: %w", err)
	}
	meter := newMeter("copy", result.Head, c.Progress)
	retry := newRetry(defaultPatience)
	if c.Patience > 0 {
		retry.patience = c.Patience
	}
	for {
		before := meter.events.Load()
		err := c.attempt(ctx, from, meter, &result)
		if meter.events.Load() > before+maxUnderWay { // more than what is sent again anyway
			retry.progress()
		}
		if err == nil {
			break
		}
		if !transient(err) || !retry.wait(ctx) {
			return result, err
		}
		if c.Logger != nil {
			c.Logger.Warn("copy: trying on", "error", err)
		}
	}
	result.Copied = meter.events.Load()
	return result, c.compare(ctx, from, &result)
}

// attempt copies over one connection to the target, from where the target ends.
func (c CopyConfig) attempt(ctx context.Context, from *server, meter *meter, result *CopyResult) (err error) {
	to, err := dial(ctx, c.To, c.Patience, c.Logger)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer func() { err = errors.Join(err, to.close()) }()
	start, err := resumeAt(ctx, from, to, result.Head)
	if err != nil {
		return err
	}
	result.Resumed = result.Resumed || start > 0
	a, err := newAppender(ctx, to)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer a.stop()
	t := transfer{to: a, written: meter.seen}
	if err := t.run(ctx, gapless(from.events(ctx, start, result.Head), start == 0)); err != nil {
		return err
	}
	return a.finish(ctx)
}

// gapless ends with ErrGap when a stream that is read from its start does not begin at revision 0.
func gapless(events iter.Seq2[*Event, error], fromStart bool) iter.Seq2[*Event, error] {
	if !fromStart {
		return events // the target refuses what does not follow
	}
	known := map[string]bool{}
	return func(yield func(*Event, error) bool) {
		for e, err := range events {
			if err == nil && !known[e.Stream] {
				if e.Revision != 0 && !e.tombstone() {
					yield(nil, fmt.Errorf("%w: stream %q begins with revision %d; a log that was scavenged can't be copied with its revisions", ErrGap, e.Stream, e.Revision))
					return
				}
				known[e.Stream] = true
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// resumeAt finds the position in the source from which the target lacks events, 0 for the start. It goes back further
// than need be, by what may have been under way when an earlier attempt ended.
func resumeAt(ctx context.Context, from, to *server, head uint64) (uint64, error) {
	first, err := firstUserEvent(to.events(ctx, 0, ^uint64(0)))
	if first == nil || err != nil {
		return 0, wrap("target", err)
	}
	should, err := firstUserEvent(from.events(ctx, 0, head))
	if err != nil {
		return 0, wrap("source", err)
	}
	if should == nil || should.ID != first.ID {
		return 0, fmt.Errorf("%w: it begins with event %s of %q, so it holds another log; copy into an empty one", ErrDiffers, first.ID, first.Stream)
	}
	latest, err := latestUserEvents(to.backwards(ctx), 2*maxUnderWay)
	if err != nil {
		return 0, wrap("target", err)
	}
	for i := len(latest) - 1; i >= 0; i-- { // the oldest first
		e := latest[i]
		found, err := from.event(ctx, e.Stream, e.Revision)
		switch {
		case errors.Is(err, errUnreadable), errors.Is(err, errDeleted):
			continue // truncated or deleted meanwhile; a later one will do
		case err != nil:
			return 0, wrap("source", err)
		case found.ID != e.ID:
			return 0, fmt.Errorf("%w: event %d of %q is %s and should be %s", ErrDiffers, e.Revision, e.Stream, e.ID, found.ID)
		}
		return found.Position, nil
	}
	return 0, nil // sending everything again is slow, and right
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

func userEvent(e *Event) bool { return e.describes() == "" && !e.tombstone() }

func firstUserEvent(events iter.Seq2[*Event, error]) (*Event, error) {
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if userEvent(e) {
			return e, nil
		}
	}
	return nil, nil
}

// latestUserEvents returns the last events, the latest first.
func latestUserEvents(backwards iter.Seq2[*Event, error], limit int) (latest []*Event, err error) {
	for e, err := range backwards {
		if err != nil {
			return nil, err
		}
		if !carried(e.Stream) || !userEvent(e) {
			continue
		}
		e.Data, e.Metadata = nil, nil
		if latest = append(latest, e); len(latest) == limit {
			break
		}
	}
	return latest, nil
}
