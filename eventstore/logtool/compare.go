package logtool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
)

// compare reads both logs to their ends and compares their fingerprints. If they differ, the error names the first
// event that does.
func (c CopyConfig) compare(ctx context.Context, from *server, result *CopyResult) (err error) {
	to, err := dial(ctx, c.To, c.Patience, c.Logger)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer func() { err = errors.Join(err, to.close()) }()
	end, err := to.head(ctx)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	var sourceErr, targetErr error
	var both sync.WaitGroup
	both.Go(func() {
		meter := newMeter("compare", result.Head, c.Progress)
		result.Source, sourceErr = fingerprint(from.events(ctx, 0, result.Head), meter.seen)
	})
	both.Go(func() {
		result.Target, targetErr = fingerprint(to.events(ctx, 0, end), func(*Event) {})
	})
	both.Wait()
	if err := errors.Join(wrap("source", sourceErr), wrap("target", targetErr)); err != nil {
		return err
	}
	if result.Source == result.Target {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrDiffers, firstDifference(from.events(ctx, 0, result.Head), to.events(ctx, 0, end)))
}

// firstDifference describes where two logs part.
func firstDifference(a, b iter.Seq2[*Event, error]) string {
	for _, only := range []struct {
		what string
		keep func(*Event) bool
	}{
		{"event", func(e *Event) bool { return e.describes() == "" }},
		{"metadata event", func(e *Event) bool { return e.describes() != "" }},
	} {
		if text := firstDifferent(only.what, selected(a, only.keep), selected(b, only.keep)); text != "" {
			return text
		}
	}
	return "the logs have changed while they were compared"
}

func selected(events iter.Seq2[*Event, error], keep func(*Event) bool) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		for e, err := range events {
			if (err != nil || keep(e)) && !yield(e, err) {
				return
			}
		}
	}
}

func firstDifferent(what string, a, b iter.Seq2[*Event, error]) string {
	nextA, stopA := iter.Pull2(a)
	defer stopA()
	nextB, stopB := iter.Pull2(b)
	defer stopB()
	left, right := newFingerprinter(), newFingerprinter()
	for n := 1; ; n++ {
		x, errX, okX := nextA()
		y, errY, okY := nextB()
		switch {
		case errX != nil || errY != nil:
			return fmt.Sprint("the first difference could not be found: ", errors.Join(errX, errY))
		case !okX && !okY:
			return ""
		case okX != okY:
			longer, e := "source", x
			if okY {
				longer, e = "target", y
			}
			return fmt.Sprintf("only the %s has %s number %d, event %d of stream %q", longer, what, n, e.Revision, e.Stream)
		}
		if errors.Join(left.add(x), right.add(y)) != nil || !bytes.Equal(left.scratch, right.scratch) {
			return fmt.Sprintf("%s number %d is event %d of stream %q in the source and event %d of %q in the target", what, n, x.Revision, x.Stream, y.Revision, y.Stream)
		}
	}
}
