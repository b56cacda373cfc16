package eventstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"avportal/domain"
)

// Key seals the personal texts of one person: AES-256.
type Key [32]byte

// Keyring keeps a key for each person of whom the log holds personal texts. It is no part of the log: when a key is destroyed,
// what it sealed is gone from every copy of the log at once. Its errors mean that the ring can't be reached.
type Keyring interface {
	// Seal gives the key to seal a person's texts with, and makes one for a person who has none. The error is ErrErased for a
	// person whose key was destroyed: nothing may be written of him any more.
	Seal(ctx context.Context, s domain.Subject) (Key, error)

	// Open gives the key to open a person's texts with; none if it was destroyed.
	Open(ctx context.Context, s domain.Subject) (key Key, ok bool, err error)
}

// ErrErased says that a person has been erased.
var ErrErased = errors.New("the person has been erased")

var errNoKeys = errors.New("the event store was opened without a keyring")

// sealing makes personal texts ready to be stored: AES-256-GCM under the person's key, bound to the person and to the place
// in the event, so that no text can be passed off as another.
func sealing(ctx context.Context, keys Keyring) domain.Transform {
	return func(place string, p domain.Personal) (domain.Personal, error) {
		switch {
		case p.Text == "": // nothing to seal, or sealed already
			return p, nil
		case keys == nil:
			return p, errNoKeys
		case p.Subject == "":
			return p, errors.New("it is not said who the person is")
		}
		key, err := keys.Seal(ctx, p.Subject)
		if err != nil {
			return p, err
		}
		gcm, err := newGCM(key)
		if err != nil {
			return p, err
		}
		nonce := make([]byte, gcm.NonceSize(), gcm.NonceSize()+len(p.Text)+gcm.Overhead())
		_, _ = rand.Read(nonce) // never fails
		sealed := gcm.Seal(nonce, nonce, []byte(p.Text), binding(place, p.Subject))
		return p.Seal(base64.RawURLEncoding.EncodeToString(sealed)), nil
	}
}

// opening reads personal texts. One whose key is gone is erased, which is no error: views go on.
func opening(ctx context.Context, keys Keyring) domain.Transform {
	return func(place string, p domain.Personal) (domain.Personal, error) {
		if p.Sealed() == "" {
			return p, nil
		}
		if keys == nil {
			return p, errNoKeys
		}
		key, ok, err := keys.Open(ctx, p.Subject)
		if err != nil {
			return p, fmt.Errorf("key of %s: %w", p.Subject, err)
		}
		if !ok {
			return p.Erase(), nil
		}
		gcm, err := newGCM(key)
		if err != nil {
			return p, err
		}
		sealed, err := base64.RawURLEncoding.DecodeString(p.Sealed())
		if err != nil || len(sealed) < gcm.NonceSize() {
			return p, errors.New("the sealed text is damaged")
		}
		text, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], binding(place, p.Subject))
		if err != nil {
			return p, fmt.Errorf("the sealed text is damaged, or not the one that was sealed here: %w", err)
		}
		return p.Open(string(text)), nil
	}
}

func newGCM(key Key) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func binding(place string, s domain.Subject) []byte { return []byte(place + "\x00" + string(s)) }
