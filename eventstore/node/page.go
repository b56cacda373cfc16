package node

import (
	"google.golang.org/grpc"

	"avportal/eventstore/node/storage"
)

// A page is what is read from the log in one go, before any of it is sent: a slow client must not hold files of
// the storage engine open.
const (
	pageEvents = 1024
	pageBytes  = 256 << 10
)

// page collects events as frames. Links that stand in the log on their own are resolved after the scan.
type page struct {
	frames
	db           *storage.DB
	resolveLinks bool
	unresolved   []unresolved
}

// unresolved is a link whose frame is still to be made.
type unresolved struct {
	at   int // index in out
	link storage.Entry
}

func newPage(db *storage.DB, structured, resolveLinks bool) *page {
	return &page{frames: frames{structured: structured}, db: db, resolveLinks: resolveLinks}
}

func (p *page) full() bool { return len(p.out) >= pageEvents || p.bytes >= pageBytes }

// add takes an event of the log; it may be used during the call only.
func (p *page) add(e *storage.Entry) {
	switch {
	case !p.resolveLinks || !e.IsLink():
		p.event(e, nil)
	case e.Carried():
		target := e.Target()
		p.event(&target, e)
	default:
		p.unresolved = append(p.unresolved, unresolved{at: len(p.out), link: e.Clone()})
		p.out = append(p.out, nil)
		p.bytes += len(e.Record.Data) + 256
	}
}

// flush resolves what is left to resolve, sends everything and empties the page.
func (p *page) flush(stream grpc.ServerStream) error {
	if err := p.resolve(); err != nil {
		return err
	}
	for _, f := range p.out {
		if err := stream.SendMsg(f); err != nil {
			return err
		}
	}
	p.reset()
	return nil
}

func (p *page) resolve() error {
	for i := range p.unresolved {
		u := &p.unresolved[i]
		if err := p.resolveOne(u); err != nil {
			return err
		}
	}
	clear(p.unresolved)
	p.unresolved = p.unresolved[:0]
	return nil
}

// resolveOne makes the frame of a link and its event. The frame is appended like any other and then moved to
// its place.
func (p *page) resolveOne(u *unresolved) error {
	found := false
	if revision, stream, ok := storage.ParseLink(string(u.link.Record.Data)); ok {
		var err error
		found, err = p.db.Event(stream, revision, func(e *storage.Entry) { p.event(e, &u.link) })
		if err != nil {
			return err
		}
	}
	if !found {
		p.event(nil, &u.link)
	}
	last := len(p.out) - 1
	p.out[u.at], p.out[last] = p.out[last], nil
	p.out = p.out[:last]
	return nil
}
