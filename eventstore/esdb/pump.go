package esdb

import (
	"context"
	"errors"
	"io"
	"time"

	"avportal/eventstore"
)

// pump reads ahead: it opens a query over one link, receives and converts in a goroutine of its own, and hands on what
// is there. Its user, who decodes, may leave at any time; the link is released when the client has returned.
type pump struct {
	link   *link
	live   bool
	opened chan struct{} // closed when the query is open, or has failed to
	buffer *eventstore.Buffer

	// Read these only after the buffer has ended.
	received uint64              // events and links that came
	last     eventstore.Recorded // where the last of them stands
}

const (
	aheadEvents = 512
	aheadBytes  = 4 << 20
)

func (s *Store) pump(ctx context.Context, q *query) (*pump, error) {
	l, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	select {
	case s.calls <- struct{}{}:
	case <-ctx.Done():
		s.release(l)
		return nil, context.Cause(ctx)
	}
	p := &pump{link: l, live: q.live, opened: make(chan struct{}), buffer: eventstore.NewBuffer(aheadEvents, aheadBytes)}
	open := q.open()
	go func() {
		defer func() { <-s.calls; s.release(l) }()
		p.buffer.Close(s.run(ctx, p, open))
	}()
	return p, nil
}

// run ends with the reason why no more events come, io.EOF if that is all.
func (s *Store) run(ctx context.Context, p *pump, open opener) error {
	f, err := open(ctx, p.link)
	close(p.opened)
	if err != nil {
		return err
	}
	defer f.close()
	for {
		r, ours, err := f.next()
		if err != nil {
			return endOf(err)
		}
		p.received++
		if p.last.Position = r.Position; r.Link != eventstore.NoStream {
			p.last.Link = r.Link
		}
		if !ours {
			continue
		}
		if err := p.buffer.Put(ctx, r); err != nil {
			return err
		}
	}
}

// take waits for events, as long as a server may be silent, or for ever when they are live.
func (p *pump) take(ctx context.Context, silence time.Duration) ([]eventstore.Recorded, error) {
	if events, ended, err := p.buffer.TryTake(aheadEvents, aheadBytes); len(events) > 0 || ended {
		return events, err
	}
	timed, cancel := context.WithTimeoutCause(ctx, silence, errSilent)
	defer cancel()
	if p.live {
		select {
		case <-p.opened:
			return p.buffer.Take(ctx, aheadEvents, aheadBytes)
		case <-timed.Done():
			return nil, context.Cause(timed)
		}
	}
	events, err := p.buffer.Take(timed, aheadEvents, aheadBytes)
	if errors.Is(err, context.DeadlineExceeded) && timed.Err() != nil {
		err = context.Cause(timed)
	}
	return events, err
}

// endOf tells the regular end of a reading, and a stream that does not exist, from faults. A subscription that the
// server ends without an error gives a bare io.EOF as well, but never where this is called for one that is live.
func endOf(err error) error {
	if notFound(err) {
		return io.EOF
	}
	return err
}
