// Package vault seals secrets that the portal must be able to read again: refresh tokens, seeds of one-time codes, mails
// with a link in them. The key stands in a file, not in the database, so that neither alone tells anything.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const keySize = 32

// Key seals and opens. It is safe for concurrent use.
type Key struct {
	aead cipher.AEAD
	mac  []byte
}

// New makes a Key of 32 random bytes.
func New(secret []byte) (*Key, error) {
	if len(secret) != keySize {
		return nil, fmt.Errorf("vault: a key has %d bytes, this one %d", keySize, len(secret))
	}
	sealing, err1 := hkdf.Key(sha256.New, secret, nil, "avportal vault seal", keySize)
	mac, err2 := hkdf.Key(sha256.New, secret, nil, "avportal vault digest", keySize)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return &Key{aead, mac}, err
}

// Load reads a key from a file (base64), and makes the file if it is not there yet. Portals that share a database share it.
func Load(file string) (*Key, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		content, err = create(file)
	}
	if err != nil {
		return nil, err
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(content)))
	if err != nil {
		return nil, fmt.Errorf("vault: %s is not base64", file)
	}
	return New(secret)
}

// create never replaces a key that another process has just made: what it sealed would be lost.
func create(file string) ([]byte, error) {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // never fails
	content := []byte(base64.StdEncoding.EncodeToString(secret) + "\n")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	half, err := os.CreateTemp(filepath.Dir(file), ".vault-key-") // readable by its owner only
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(half.Name()) }() // it may be left over
	_, err = half.Write(content)
	if err = errors.Join(err, half.Sync(), half.Close()); err != nil {
		return nil, err
	}
	if err = os.Link(half.Name(), file); errors.Is(err, os.ErrExist) {
		return os.ReadFile(file)
	}
	return content, err
}

// Seal makes a secret unreadable. It opens again only with the same words about it, so that what is sealed for one person or
// purpose can't be put in the place of another's.
func (k *Key) Seal(about string, secret []byte) []byte {
	return k.aead.Seal(nil, nil, secret, []byte(about))
}

// Open reads what Seal made.
func (k *Key) Open(about string, sealed []byte) ([]byte, error) {
	secret, err := k.aead.Open(nil, nil, sealed, []byte(about))
	if err != nil {
		return nil, fmt.Errorf("vault: the %s can't be opened: another key, or changed", about)
	}
	return secret, nil
}

// Digest names a text without telling it: equal texts have equal digests, and without the key none can be tried out.
func (k *Key) Digest(about, text string) []byte {
	h := hmac.New(sha256.New, k.mac)
	h.Write([]byte(about))
	h.Write([]byte{0})
	h.Write([]byte(text))
	return h.Sum(nil)
}
