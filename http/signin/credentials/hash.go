package credentials

import (
	"context"
	"strings"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"

	"avportal/domain"
)

// params are those of argon2id: above what OWASP's ASVS asks for, and the same on every machine, so that a hash tells whether
// it is an old one.
var params = &argon2id.Params{Memory: 46 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Hashing takes much memory and time, so few at once, and not many who wait.
const (
	hashesAtOnce = 2
	hashesQueued = 50
)

// ErrBusy says that too many sign in at this moment.
var ErrBusy = &domain.Error{Class: domain.Unavailable, Code: "rate_limited", Message: "Too many people sign in at this moment. Wait a moment."}

type hasher struct {
	places *semaphore.Weighted // of all who hash or wait
	work   *semaphore.Weighted
	decoy  string // what is compared for accounts that there are not
}

func newHasher() (*hasher, error) {
	decoy, err := argon2id.CreateHash("nobody has this password", params)
	return &hasher{semaphore.NewWeighted(hashesAtOnce + hashesQueued), semaphore.NewWeighted(hashesAtOnce), decoy}, err
}

// turn waits for one of the few places.
func (h *hasher) turn(ctx context.Context) (done func(), err error) {
	if !h.places.TryAcquire(1) {
		return nil, ErrBusy
	}
	if err := h.work.Acquire(ctx, 1); err != nil {
		h.places.Release(1)
		return nil, err
	}
	return func() { h.work.Release(1); h.places.Release(1) }, nil
}

func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return argon2id.CreateHash(password, params)
}

// check compares, as long for an account that there is not. old reports whether the hash should be made anew.
func (h *hasher) check(ctx context.Context, password, stored string) (ok, old bool, err error) {
	done, err := h.turn(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	if stored == "" {
		_, _, err = argon2id.CheckHash(password, h.decoy)
		return false, false, err
	}
	ok, p, err := argon2id.CheckHash(password, stored)
	return ok, ok && *p != *params, err
}

// normal is an e-mail address as it is compared.
func normal(email string) string { return domain.Fold(strings.TrimSpace(email)) }
