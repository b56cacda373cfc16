// Package page holds what every list of the portal has in common: cursors. A page is asked for by the key of the last
// row before it, never by an offset, so a page costs the same at any depth and rows that come or go meanwhile are
// neither shown twice nor left out.
package page

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"avportal/domain"
)

// Bounds of a page.
const (
	DefaultLimit = 25
	MaxLimit     = 200
)

// ErrCursor says that a cursor is damaged, or belongs to another list, filter, order or tenant.
var ErrCursor = &domain.Error{
	Class: domain.Invalid, Code: "invalid_cursor", Field: "/cursor",
	Message: "The cursor does not belong to this list with these filters. Start again without a cursor.",
}

// Limit is how many rows a page gets: what was asked for, within bounds.
func Limit(asked int) int {
	if asked <= 0 {
		return DefaultLimit
	}
	return min(asked, MaxLimit)
}

// Of identifies what a cursor belongs to: the name of the list, whose it is, and its filter and order (without cursor
// and limit), which must encode as JSON.
type Of struct {
	List   string
	Scope  domain.Scope
	Filter any
}

type cursor struct {
	Of  []byte   `json:"o"`
	Key []string `json:"k"`
}

// Cursor points behind the row with this key.
func (o Of) Cursor(key ...string) (string, error) {
	hash, err := o.hash()
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(cursor{hash, key})
	if err != nil {
		return "", fmt.Errorf("cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// Key reads a cursor. It is nil for an empty one, which stands for the first page. The error is ErrCursor. The key's
// parts come from the caller's client: use them as values only.
func (o Of) Key(s string, parts int) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil || len(c.Key) != parts {
		return nil, ErrCursor
	}
	hash, err := o.hash()
	if err != nil {
		return nil, err
	}
	if string(hash) != string(c.Of) {
		return nil, ErrCursor
	}
	return c.Key, nil
}

func (o Of) hash() ([]byte, error) {
	b, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("cursor: %w", err)
	}
	sum := sha256.Sum256(b)
	return sum[:9], nil
}
