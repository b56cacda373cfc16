package api

import (
	"bufio"
	"context"
	"time"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/http/history"
)

// ReplayEvents streams the history of the caller's reseller. A reader that breaks off goes on behind the last position that it has.
func (s *server) ReplayEvents(ctx context.Context, r ReplayEventsRequestObject) (ReplayEventsResponseObject, error) {
	p := r.Params
	span := history.Span{From: value(p.From), To: value(p.To), Follow: value(p.Follow)}
	if p.After != nil {
		var err error
		if span.After, err = eventstore.ParsePosition(*p.After); err != nil {
			return nil, invalidRequest("after", "pattern", "This is not a position.")
		}
	}
	c := callOf(ctx)
	return download{s: s, ctx: ctx, kind: linesFile, fill: func(ctx context.Context, out *bufio.Writer) error {
		w := historyWriter{out: out, withSecrets: c.actor.Role.Allows(domain.ManageDevices), position: span.After}
		return w.copy(ctx, s.Store, c.actor.Tenant, span)
	}}, nil
}

// historyWriter writes lines and, while there are none to write, heartbeats.
type historyWriter struct {
	out         *bufio.Writer
	withSecrets bool
	position    eventstore.Position // up to where everything is written
	line        []byte
}

type eventOrError struct {
	event eventstore.Recorded
	err   error
}

func (w *historyWriter) copy(ctx context.Context, store eventstore.Store, t domain.Tenant, span history.Span) error {
	ctx, cancel := context.WithCancel(ctx)
	events := make(chan eventOrError, 64)
	defer func() {
		cancel()
		for range events { //nolint:revive // until the reader has ended
		}
	}()
	go func() {
		defer close(events)
		for r, err := range history.Events(ctx, store, t, span) {
			select {
			case events <- eventOrError{r, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var next eventOrError
		var more bool
		select {
		case next, more = <-events:
		default: // nothing just now: let the reader have what there is
			if err := w.out.Flush(); err != nil {
				return err
			}
			select {
			case next, more = <-events:
			case <-beat.C:
				if err := w.write(history.Line{Position: w.position, Beat: true}); err != nil {
					return err
				}
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if !more {
			return context.Cause(ctx) // none if the history has come to its end
		}
		if next.err != nil {
			return next.err
		}
		if err := w.event(next.event); err != nil {
			return err
		}
	}
}

func (w *historyWriter) event(r eventstore.Recorded) error {
	w.position = r.Position
	mark, caughtUp := history.Mark(r)
	if mark {
		if caughtUp {
			return w.write(history.Line{Position: r.Position, CaughtUp: true})
		}
		return nil
	}
	line, err := history.Of(r, w.withSecrets)
	if err != nil {
		return err
	}
	return w.write(line)
}

func (w *historyWriter) write(l history.Line) (err error) {
	if w.line, err = l.Append(w.line[:0]); err != nil {
		return err
	}
	_, err = w.out.Write(w.line)
	return err
}
