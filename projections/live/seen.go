package live

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/projections/rowkey"
)

// FlushEvery is the longest that a touch stays in memory while Postgres answers; FlushAt is how many waiting devices
// make a flush come earlier.
const (
	FlushEvery = time.Second
	FlushAt    = 2000
)

// Seen writes down when devices were last heard of. Touch costs a map write; what has come together is written in one
// statement. A crash loses at most the last second, which the next contact of each device makes good.
type Seen struct {
	db  *pgxpool.Pool
	log *slog.Logger

	flushing sync.Mutex // one flush at a time, so that Flush returns only when everything touched before is written

	mu      sync.Mutex
	touched map[deviceKey]touch
	gone    map[deviceKey]struct{}

	full chan struct{} // FlushAt devices wait
	stop chan struct{}
	done chan struct{}
	once sync.Once
}

type deviceKey struct {
	tenant domain.Tenant
	device rowkey.Key
}

type touch struct {
	at time.Time
	ip string
}

// NewSeen starts the writer. Close ends it.
func NewSeen(db *pgxpool.Pool, log *slog.Logger) *Seen {
	s := &Seen{
		db: db, log: log,
		touched: map[deviceKey]touch{}, gone: map[deviceKey]struct{}{},
		full: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run()
	return s
}

// Touch notes that the device was heard of at a time, by the portal's clock, from an address (which may be empty). It
// never waits for Postgres. Of several touches the latest counts, whatever their order.
func (s *Seen) Touch(t domain.Tenant, d domain.DeviceID, at time.Time, ip string) {
	k := deviceKey{t, rowkey.Key(d)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.After(s.touched[k].at) {
		s.touched[k] = touch{at.UTC(), ip}
	}
	delete(s.gone, k)
	s.wakeIfFull()
}

// Forget drops what is known of a device that has been removed, so that it no longer counts.
func (s *Seen) Forget(t domain.Tenant, d domain.DeviceID) {
	k := deviceKey{t, rowkey.Key(d)}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.touched, k)
	s.gone[k] = struct{}{}
	s.wakeIfFull()
}

func (s *Seen) wakeIfFull() {
	if len(s.touched)+len(s.gone) < FlushAt {
		return
	}
	select {
	case s.full <- struct{}{}:
	default:
	}
}

// Close writes what waits and ends the writer. If the context ends first, what waits is lost.
func (s *Seen) Close(ctx context.Context) error {
	s.once.Do(func() { close(s.stop) })
	select {
	case <-s.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.Flush(ctx)
}

func (s *Seen) run() {
	defer close(s.done)
	tick := time.NewTicker(FlushEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		case <-s.full:
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		err := s.Flush(ctx)
		cancel()
		if err != nil && !failing {
			s.log.Warn("last-seen times can't be written; they wait in memory", "error", err)
		}
		failing = err != nil
		if failing { // a full memory must not turn into a hot loop
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
		}
	}
}
