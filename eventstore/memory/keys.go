package memory

import (
	"context"
	"crypto/rand"
	"sync"

	"avportal/domain"
	"avportal/eventstore"
)

// Keys is a keyring in memory, for tests. It is safe for concurrent use.
type Keys struct {
	mu   sync.Mutex
	keys map[domain.Subject]*eventstore.Key // nil when destroyed
}

// NewKeys makes an empty ring.
func NewKeys() *Keys { return &Keys{keys: map[domain.Subject]*eventstore.Key{}} }

// Seal implements eventstore.Keyring.
func (k *Keys) Seal(_ context.Context, s domain.Subject) (eventstore.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, known := k.keys[s]
	switch {
	case !known:
		key = new(eventstore.Key)
		_, _ = rand.Read(key[:]) // never fails
		k.keys[s] = key
	case key == nil:
		return eventstore.Key{}, eventstore.ErrErased
	}
	return *key, nil
}

// Open implements eventstore.Keyring.
func (k *Keys) Open(_ context.Context, s domain.Subject) (eventstore.Key, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.keys[s]; key != nil {
		return *key, true, nil
	}
	return eventstore.Key{}, false, nil
}

// Destroy makes a person's texts unreadable for good.
func (k *Keys) Destroy(_ context.Context, s domain.Subject) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[s] = nil
	return nil
}
