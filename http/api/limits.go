package api

import (
	"context"
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// What Config leaves at 0.
const (
	defaultRequestsPerSecond  = 50
	defaultStrangersPerSecond = 20
	defaultStreamsPerToken    = 20
)

// Bursts, as multiples of what is allowed in a second: a page opens with several requests at once.
const (
	requestBurst  = 4
	strangerBurst = 5
)

// remembered is how many tokens and addresses are told apart; those that have been quiet for longest are forgotten.
const remembered = 10_000

// limits keep one caller from taking the portal away from the others.
type limits struct {
	requests, strangers rate.Limit
	perToken            int // event streams

	tokens    *lru.Cache[uuid.UUID, *rate.Limiter] // and sessions
	addresses *lru.Cache[netip.Prefix, *rate.Limiter]

	// known holds fingerprints of tokens that were good the last time. They let nobody in: they only spare a caller the
	// budget of his address, which he may share with whoever guesses tokens behind the same proxy.
	known *lru.Cache[uint64, struct{}]
	seed  maphash.Seed

	mu      sync.Mutex
	streams map[uuid.UUID]int // open ones
}

func newLimits(cfg Config) (*limits, error) {
	l := &limits{
		requests: defaultRequestsPerSecond, strangers: defaultStrangersPerSecond, perToken: defaultStreamsPerToken,
		seed: maphash.MakeSeed(), streams: map[uuid.UUID]int{},
	}
	if cfg.RequestsPerSecond != 0 {
		l.requests = rate.Limit(cfg.RequestsPerSecond)
	}
	if cfg.StrangersPerSecond != 0 {
		l.strangers = rate.Limit(cfg.StrangersPerSecond)
	}
	if cfg.StreamsPerToken != 0 {
		l.perToken = cfg.StreamsPerToken
	}
	var err error
	if l.tokens, err = lru.New[uuid.UUID, *rate.Limiter](remembered); err != nil {
		return nil, err
	}
	if l.addresses, err = lru.New[netip.Prefix, *rate.Limiter](remembered); err != nil {
		return nil, err
	}
	l.known, err = lru.New[uint64, struct{}](remembered)
	return l, err
}

// authenticate tells whose request it is. Whoever has not shown a good token or cookie before pays from the budget of his
// address, and pays before it is hashed or looked up.
func (s *server) authenticate(ctx context.Context, r *http.Request) (caller, error) {
	l := s.limits
	secret, _ := s.secretOf(r)
	fingerprint := maphash.String(l.seed, secret)
	if !l.known.Contains(fingerprint) && !allow(l.addresses, addressOf(r), l.strangers, strangerBurst) {
		return caller{}, errRateLimited
	}
	who, err := s.identify(ctx, r)
	if err != nil {
		l.known.Remove(fingerprint)
		return caller{}, err
	}
	l.known.Add(fingerprint, struct{}{})
	if !allow(l.tokens, who.id, l.requests, requestBurst) {
		return caller{}, errRateLimited
	}
	return who, nil
}

// allow takes one from the budget that belongs to a key.
func allow[K comparable](budgets *lru.Cache[K, *rate.Limiter], key K, limit rate.Limit, burst float64) bool {
	l, ok := budgets.Get(key)
	if !ok {
		l = rate.NewLimiter(limit, max(1, int(float64(limit)*burst)))
		if before, there, _ := budgets.PeekOrAdd(key, l); there { // a concurrent first call was quicker
			l = before
		}
	}
	return l.Allow()
}

// addressOf is where the connection comes from. X-Forwarded-For says what its sender likes, so it has no say. Of IPv6 it is
// the network, since whoever has one address there has 2^64.
func addressOf(r *http.Request) netip.Prefix {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{} // not TCP: those share one budget
	}
	a := remote.Addr().Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // fails for impossible lengths only
	return p
}

// openStream counts an event stream of a token until done is called; ok is false if there are too many already.
func (l *limits) openStream(token uuid.UUID) (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[token] >= l.perToken {
		return nil, false
	}
	l.streams[token]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.streams[token]--; l.streams[token] == 0 {
			delete(l.streams, token)
		}
	}, true
}
