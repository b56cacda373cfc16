package esdb

import (
	"context"
	"io"
	"math"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore"
)

// feed is what a call of the client gives: events until an error, io.EOF at the regular end.
type feed struct {
	next  func() (*client.ResolvedEvent, error)
	close func()
}

// query is a reading that can be taken up again behind what it has given.
type query struct {
	what  string                     // for errors
	open  func() opener              // from where the query stands
	pass  func(*eventstore.Recorded) // moves it behind an event
	live  bool                       // silence is no fault
	links bool                       // some of what comes may be links without an event
	left  uint64                     // how many events may still come
}

// opener opens a reading with a client.
type opener func(ctx context.Context, c *client.Client) (feed, error)

func limited(limit int) uint64 {
	if limit <= 0 {
		return math.MaxUint64
	}
	return uint64(limit)
}

// streamQuery reads a stream. With links, what the events of that stream point to.
func streamQuery(name string, from eventstore.Revision, d eventstore.Direction, limit int, links bool) *query {
	q := &query{what: "read " + name, left: limited(limit), links: links}
	q.open = func() opener {
		options := client.ReadStreamOptions{Direction: client.Forwards, From: streamPosition(from), ResolveLinkTos: links}
		if d == eventstore.Backward {
			options.Direction = client.Backwards
		}
		count := q.left
		return func(ctx context.Context, c *client.Client) (feed, error) {
			stream, err := c.ReadStream(ctx, name, options, count)
			return readFeed(stream), err
		}
	}
	q.pass = func(r *eventstore.Recorded) {
		from = r.Revision
		if links {
			from = r.Link
		}
		if d == eventstore.Backward {
			from--
		} else {
			from++
		}
		if from < 0 {
			q.left = 0
		}
	}
	return q
}

func streamPosition(r eventstore.Revision) client.StreamPosition {
	if r == eventstore.End {
		return client.End{}
	}
	return client.Revision(uint64(max(r, 0)))
}

// backwardQuery reads $all backward. That read can't be filtered by the server.
func backwardQuery(from eventstore.Position, limit int) *query {
	q := &query{what: "read the log backward", left: limited(limit)}
	q.open = func() opener {
		options := client.ReadAllOptions{Direction: client.Backwards, From: client.End{}}
		if !from.IsZero() {
			options.From = client.Position{Commit: from.Commit, Prepare: from.Prepare}
		}
		return func(ctx context.Context, c *client.Client) (feed, error) {
			stream, err := c.ReadAll(ctx, options, math.MaxUint64)
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
		options := client.SubscribeToAllOptions{
			From: client.Start{}, Filter: client.ExcludeSystemEventsFilter(), MaxSearchWindow: 512, CheckpointInterval: 16,
		}
		if !after.IsZero() {
			options.From = client.Position{Commit: after.Commit, Prepare: after.Prepare}
		}
		return func(ctx context.Context, c *client.Client) (feed, error) {
			subscription, err := c.SubscribeToAll(ctx, options)
			return subscriptionFeed(subscription, live), err
		}
	}
	q.pass = func(r *eventstore.Recorded) { after = r.Position }
	return q
}

func readFeed(stream *client.ReadStream) feed {
	if stream == nil {
		return feed{}
	}
	return feed{next: stream.Recv, close: stream.Close}
}

func subscriptionFeed(subscription *client.Subscription, live bool) feed {
	if subscription == nil {
		return feed{}
	}
	next := func() (*client.ResolvedEvent, error) {
		for {
			switch e := subscription.Recv(); {
			case e.SubscriptionDropped != nil:
				return nil, e.SubscriptionDropped.Error
			case e.EventAppeared != nil:
				return e.EventAppeared, nil
			case e.CaughtUp != nil && !live:
				return nil, io.EOF
			}
		}
	}
	return feed{next: next, close: func() { _ = subscription.Close() }} // it never fails
}
