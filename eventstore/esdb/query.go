package esdb

import (
	"context"
	"math"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore"
)

// feed is what a call gives: events until an error, io.EOF at the regular end. What is not the portal's, and links whose
// event is gone, are told by ours, since they count for where a reading stands.
type feed struct {
	next  func() (r eventstore.Recorded, ours bool, err error)
	close func()
}

// query is a reading that can be taken up again behind what it has given.
type query struct {
	what  string                     // for errors
	open  func() opener              // from where the query stands
	pass  func(*eventstore.Recorded) // moves it behind an event
	live  bool                       // silence is no fault
	skips bool                       // some of what comes may be passed by, so that more than was asked for must be read
	left  uint64                     // how many events may still come
	asked uint64                     // of the server, when it was opened last
}

// opener opens a reading over a link.
type opener func(ctx context.Context, l *link) (feed, error)

func limited(limit int) uint64 {
	if limit <= 0 {
		return math.MaxUint64
	}
	return uint64(limit)
}

// streamQuery reads a stream.
func streamQuery(stream string, from eventstore.Revision, d eventstore.Direction, limit int) *query {
	q := &query{what: "read " + stream, left: limited(limit)}
	q.open = func() opener {
		options := client.ReadStreamOptions{Direction: client.Forwards, From: streamPosition(from)}
		if d == eventstore.Backward {
			options.Direction = client.Backwards
		}
		count := q.left
		return func(ctx context.Context, l *link) (feed, error) {
			stream, err := l.client.ReadStream(ctx, stream, options, count)
			return readFeed(stream), err
		}
	}
	q.pass = func(r *eventstore.Recorded) { from = q.behind(r.Revision, d) }
	return q
}

// linksQuery reads what the links in a system stream point to.
func linksQuery(system string, from eventstore.Revision, d eventstore.Direction, limit int) *query {
	q := &query{what: "read " + system, left: limited(limit), skips: true}
	q.open = func() opener {
		from, count := from, q.left
		q.asked = count
		return func(ctx context.Context, l *link) (feed, error) {
			return readLinks(ctx, l.conn, system, from, d, count)
		}
	}
	q.pass = func(r *eventstore.Recorded) { from = q.behind(r.Link, d) }
	return q
}

// behind is where a reading goes on. One that has come to the first event backward has read all.
func (q *query) behind(r eventstore.Revision, d eventstore.Direction) eventstore.Revision {
	if d == eventstore.Forward {
		return r + 1
	}
	if r == 0 {
		q.left = 0
	}
	return r - 1
}

func streamPosition(r eventstore.Revision) client.StreamPosition {
	if r == eventstore.End {
		return client.End{}
	}
	return client.Revision(uint64(max(r, 0)))
}

// backwardQuery reads $all backward. That read can't be filtered by the server, and most of the log is links, so it asks for
// some more than it needs, and for more and more if that was not enough.
func backwardQuery(from eventstore.Position, limit int) *query {
	q := &query{what: "read the log backward", left: limited(limit), skips: true}
	wider := uint64(4)
	q.open = func() opener {
		options := client.ReadAllOptions{Direction: client.Backwards, From: client.End{}}
		if !from.IsZero() {
			options.From = client.Position{Commit: from.Commit, Prepare: from.Prepare}
		}
		q.asked = math.MaxUint64
		if q.left < math.MaxUint64/8/wider {
			q.asked = wider * (q.left + 3)
		}
		wider = min(8*wider, 1<<20)
		count := q.asked
		return func(ctx context.Context, l *link) (feed, error) {
			stream, err := l.client.ReadAll(ctx, options, count)
			return readFeed(stream), err
		}
	}
	q.pass = func(r *eventstore.Recorded) { from = r.Position }
	return q
}

// forwardQuery reads $all forward, by a subscription: that is filtered by the server, which matters since two of three
// events in the log are links. Unless it is live it ends where it has caught up.
func forwardQuery(after eventstore.Position, limit int, live bool) *query {
	q := &query{what: "read the log", left: limited(limit), live: live}
	if live {
		q.what = "subscribe"
	}
	q.open = func() opener {
		from := after
		return func(ctx context.Context, l *link) (feed, error) { return followLog(ctx, l.conn, from, live) }
	}
	q.pass = func(r *eventstore.Recorded) { after = r.Position }
	return q
}

func readFeed(stream *client.ReadStream) feed {
	if stream == nil {
		return feed{}
	}
	next := func() (eventstore.Recorded, bool, error) {
		e, err := stream.Recv()
		if err != nil {
			return eventstore.Recorded{}, false, err
		}
		r, ours := convert(e)
		return r, ours, nil
	}
	return feed{next: next, close: stream.Close}
}
