package esdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"

	"avportal/domain"
)

// link is a working connection: the official client for reads of streams, and a gRPC connection of our own for the two hot
// paths, the stream of appends and subscriptions to the log.
type link struct {
	client *client.Client
	conn   *grpc.ClientConn
	batch  *batch // nil if the server lacks BatchAppend

	users   int // calls into the client that have not returned
	retired bool
}

// connecting is the making of a link, shared by all who wait for it.
type connecting struct {
	done chan struct{}
	err  error // why it was given up, once done
	last error // of the last attempt; guarded by Store.mu
}

// acquire gives the link of the moment, waiting for one as long as the context lasts. It must be released.
func (s *Store) acquire(ctx context.Context) (*link, error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return nil, errClosed
		}
		if l := s.current; l != nil {
			l.users++
			s.beginLocked()
			s.mu.Unlock()
			return l, nil
		}
		c := s.connecting
		if c == nil {
			c = &connecting{done: make(chan struct{})}
			s.connecting = c
			s.beginLocked()
			go s.connect(c)
		}
		s.mu.Unlock()
		select {
		case <-c.done:
			if c.err != nil {
				return nil, c.err
			}
		case <-ctx.Done():
			s.mu.Lock()
			defer s.mu.Unlock()
			return nil, errors.Join(context.Cause(ctx), c.last)
		}
	}
}

// release gives a link back. The last to leave a retired one closes it: closing earlier could panic a call.
func (s *Store) release(l *link) {
	s.mu.Lock()
	l.users--
	s.closeIfUnusedLocked(l)
	s.mu.Unlock()
	s.end()
}

// retire takes a link out of use, if that has not been done yet.
func (s *Store) retire(l *link, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == l {
		s.logger.Warn("event store: connection is given up", "cause", cause)
	}
	s.retireLocked(l)
}

func (s *Store) retireLocked(l *link) {
	if l == nil || l.retired {
		return
	}
	l.retired = true
	if s.current == l {
		s.current = nil
	}
	s.closeIfUnusedLocked(l)
	s.beginLocked()
	go func() { // gRPC's own connections may be closed under their users
		defer s.end()
		if l.batch != nil {
			l.batch.close()
		}
		if err := l.conn.Close(); err != nil {
			s.logger.Debug("event store: closing a connection", "error", err)
		}
	}()
}

func (s *Store) closeIfUnusedLocked(l *link) {
	if l.retired && l.users == 0 {
		if err := l.client.Close(); err != nil {
			s.logger.Debug("event store: closing a client", "error", err)
		}
	}
}

// connect makes a link, trying until it works, the store closes, or trying again is hopeless.
func (s *Store) connect(c *connecting) {
	defer s.end()
	for failures := 1; ; failures++ {
		l, err := s.dial()
		if err == nil || !transient(err) || s.ctx.Err() != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.connecting, c.err = nil, err
			if err == nil {
				s.current = l
				if s.closed {
					s.retireLocked(l)
				}
			}
			close(c.done)
			return
		}
		s.mu.Lock()
		c.last = err
		s.mu.Unlock()
		if failures == 1 {
			s.logger.Warn("event store: cannot connect, trying on", "error", err)
		}
		_ = retryConnecting.Wait(s.ctx, failures) // if the store has closed, the next attempt fails and ends it
	}
}

func (s *Store) dial() (*link, error) {
	found, err := s.target.find(s.ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	l := &link{conn: found.conn}
	if l.client, err = s.newClient(found.address); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to %s: %w", found.address, err), found.conn.Close())
	}
	if found.batch && !s.unary {
		if l.batch, err = openBatch(streams.NewStreamsClient(found.conn), s.callTimeout); err != nil {
			return nil, errors.Join(fmt.Errorf("open BatchAppend: %w", err), found.conn.Close(), l.client.Close())
		}
	}
	s.logger.Info("event store: connected", "address", found.address, "batch", l.batch != nil)
	return l, nil
}

// newClient makes a client and has it connect while nobody else uses it: calls that come during its first discovery
// would all wait, deaf to their contexts.
func (s *Store) newClient(address string) (*client.Client, error) {
	c, err := client.NewClient(s.target.clientFor(address))
	if err != nil {
		return nil, err
	}
	connected := make(chan error, 1)
	go func() {
		r, err := c.ReadStream(s.ctx, probe.String(), client.ReadStreamOptions{From: client.Start{}}, 1)
		if err == nil {
			r.Close()
		}
		connected <- err
	}()
	timer := time.NewTimer(s.callTimeout)
	defer timer.Stop()
	select {
	case err = <-connected:
	case <-timer.C:
		err = fmt.Errorf("%w: the client did not connect", errSilent)
	case <-s.ctx.Done():
		err = errClosed
	}
	if err != nil {
		// Nobody sends to it any more, so it can be closed; should the probe still wait, it is answered before.
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// probe is a stream that never exists.
var probe = domain.Stream{Tenant: "00000000000000000000000000000000", Kind: "probe", ID: "0"}

// errSilent stands for a server that does not answer, or a client that does not return.
var errSilent = errors.New("no answer in time")
