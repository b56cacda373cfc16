package node

import (
	"errors"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"avportal/eventstore/node/filter"
	"avportal/eventstore/node/storage"
)

// subscription delivers everything after a point, for ever. It reads from storage until it has caught up, and
// from the ring of recent events from then on; a reader that the ring has outrun goes back to storage. Nothing
// is queued per subscription, so that a slow one costs nothing, and can lose nothing.
type subscription struct {
	node *Node
	readRequest
	call     streams.Streams_ReadServer
	page     *page
	live     bool   // caught-up was told and nothing was missed since
	position uint64 // everything up to it was examined

	// $all with a filter
	examined   int
	checkpoint uint64 // position of the last one sent

	revision int64 // stream: of the last event delivered
}

func (n *Node) newSubscription(r readRequest, call streams.Streams_ReadServer) *subscription {
	return &subscription{node: n, readRequest: r, call: call, page: newPage(n.db, r.structured, r.resolve)}
}

func (s *subscription) confirm() error {
	return s.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{
		Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: uuid.NewString()},
	}})
}

func (n *Node) subscribeAll(r readRequest, call streams.Streams_ReadServer) error {
	s := n.newSubscription(r, call)
	switch {
	case r.fromEnd:
		s.position = n.db.Last()
	case !r.fromStart:
		s.position = r.from
	}
	s.checkpoint = s.position
	if err := s.confirm(); err != nil {
		return err
	}
	return s.follow(s.storedAll, s.takeAll)
}

// follow alternates between reading what is there and waiting for more. stored reads one page from storage,
// take handles one recent event.
func (s *subscription) follow(stored func() error, take func(*storage.Entry) bool) error {
	db := s.node.db
	for {
		if err := s.call.Context().Err(); err != nil {
			return err
		}
		changed := db.Changed()
		before := s.position
		var stop error
		_, covered, err := db.ScanLive(s.position, func(e *storage.Entry) bool {
			more := take(e)
			if s.stream != "" && e.Ordinal == 0 && e.Record.Revision == storage.TombstoneRevision && e.InStream(s.stream) {
				stop = &storage.StreamDeletedError{Stream: s.stream}
			}
			return more && stop == nil && !s.page.full()
		})
		if err != nil {
			return err
		}
		if !covered {
			s.live = false
			if err := stored(); err != nil {
				return err
			}
		}
		if s.position == before && !s.live {
			s.goLive()
		}
		// Access may have been taken away meanwhile.
		if err := s.node.allowRead(s.call.Context(), s.readRequest); err != nil {
			return err
		}
		if err := s.page.flush(s.call); err != nil {
			return err
		}
		if stop != nil {
			return stop
		}
		if s.position != before {
			continue
		}
		select {
		case <-changed:
			if err := db.Failure(); err != nil {
				return err
			}
		case <-s.call.Context().Done():
			return s.call.Context().Err()
		case <-s.node.closing:
			return errClosing
		}
	}
}

func (s *subscription) goLive() {
	s.live = true
	if s.filter != nil {
		s.sendCheckpoint()
	}
	s.page.caughtUp()
}

func (s *subscription) takeAll(e *storage.Entry) bool {
	s.position = e.Position()
	if s.filter.Matches(e) && !filter.HiddenInAll(e) {
		s.page.add(e)
	}
	if s.filter != nil {
		if s.examined++; s.examined >= s.interval {
			s.sendCheckpoint()
		}
	}
	return true
}

// sendCheckpoint tells how far a filtered subscription has come, so that its client need not read again what
// the filter left out.
func (s *subscription) sendCheckpoint() {
	s.examined = 0
	if s.position > s.checkpoint {
		s.checkpoint = s.position
		s.page.checkpoint(s.position)
	}
}

// maxExamined bounds how long a page may search for matches before anything is sent.
const maxExamined = 64 << 10

func (s *subscription) storedAll() error {
	examined := 0
	return s.node.db.ScanAll(s.position+1, storage.Forwards, func(e *storage.Entry) bool {
		examined++
		return s.takeAll(e) && !s.page.full() && examined < maxExamined
	})
}

func (n *Node) subscribeStream(r readRequest, call streams.Streams_ReadServer) error {
	s := n.newSubscription(r, call)
	state, err := n.db.Stream(r.stream)
	switch {
	case err != nil:
		return err
	case state.Tombstoned:
		return &storage.StreamDeletedError{Stream: r.stream}
	case r.fromStart:
		s.revision = -1
	case r.fromEnd:
		s.revision = state.Last
	default:
		s.revision = int64(r.from)
	}
	if err := s.confirm(); err != nil {
		return err
	}
	if err := s.catchUpStream(); err != nil {
		return err
	}
	return s.follow(s.catchUpStream, s.takeStream)
}

// catchUpStream delivers everything that storage has of the stream. What is written meanwhile stands in the
// log after the position noted before.
func (s *subscription) catchUpStream() error {
	position := s.node.db.Last()
	for more := true; more; {
		more = false
		err := s.node.db.ScanStream(s.stream, s.revision+1, storage.Forwards, func(e *storage.Entry) bool {
			if more = s.page.full(); more {
				return false
			}
			s.deliver(e)
			return true
		})
		var deleted *storage.StreamDeletedError
		if errors.As(err, &deleted) {
			return s.deliverTombstone(deleted)
		}
		if err != nil && !errors.Is(err, storage.ErrStreamNotFound) {
			return err
		}
		if err := s.page.flush(s.call); err != nil {
			return err
		}
	}
	s.position = position
	return nil
}

func (s *subscription) deliver(e *storage.Entry) {
	s.page.add(e)
	s.revision = e.Revision()
}

func (s *subscription) deliverTombstone(deleted *storage.StreamDeletedError) error {
	if err := s.node.db.Tombstone(s.stream, s.deliver); err != nil {
		return err
	}
	return errors.Join(s.page.flush(s.call), deleted)
}

func (s *subscription) takeStream(e *storage.Entry) bool {
	s.position = e.Position()
	if e.InStream(s.stream) && e.Revision() > s.revision {
		s.deliver(e)
	}
	return true
}
