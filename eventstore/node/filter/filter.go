// Package filter selects events of $all by stream name or event type.
package filter

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	"avportal/eventstore/node/storage"
)

// ErrInvalid says that a filter cannot be understood.
var ErrInvalid = errors.New("invalid filter")

// Expression describes a filter; it is what is stored of it.
type Expression struct {
	ByType   bool     `json:"byType,omitempty"` // by event type and not by stream name
	Prefixes []string `json:"prefixes,omitempty"`
	Regex    string   `json:"regex,omitempty"` // RE2, searched for anywhere in the text
}

// Filter is a compiled expression. A nil filter lets everything through.
type Filter struct {
	byType   bool
	prefixes [][]byte
	regex    *regexp.Regexp
	noSystem bool
}

// noSystemRegex is what the official clients send to leave out system events. It is recognized to save its cost.
const noSystemRegex = `^[^\$].*`

// New compiles an expression.
func New(e Expression) (*Filter, error) {
	f := &Filter{byType: e.ByType}
	for _, p := range e.Prefixes {
		f.prefixes = append(f.prefixes, []byte(p))
	}
	switch {
	case len(f.prefixes) > 0 && e.Regex != "":
		return nil, fmt.Errorf("%w: prefixes or a regular expression, not both", ErrInvalid)
	case len(f.prefixes) > 0:
		return f, nil
	case e.Regex == noSystemRegex:
		f.noSystem = true
		return f, nil
	case e.Regex == "":
		return nil, fmt.Errorf("%w: prefixes or a regular expression are needed", ErrInvalid)
	}
	var err error
	if f.regex, err = regexp.Compile(e.Regex); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return f, nil
}

// Matches says whether the filter lets an event through.
func (f *Filter) Matches(e *storage.Entry) bool {
	if f == nil {
		return true
	}
	var space [128]byte
	text := e.Type()
	if !f.byType {
		text = e.Record.Stream
		if e.Carried() {
			text = e.AppendStream(space[:0])
		}
	}
	switch {
	case f.noSystem:
		return len(text) > 0 && text[0] != '$' && text[0] != '\n'
	case f.regex != nil:
		return f.regex.Match(text)
	}
	for _, p := range f.prefixes {
		if bytes.HasPrefix(text, p) {
			return true
		}
	}
	return false
}

// HiddenInAll says whether the event is one that $all never shows: bookkeeping of persistent subscriptions to $all.
func HiddenInAll(e *storage.Entry) bool {
	const prefix = "$persistentsubscription-$all::"
	if e.Carried() || !bytes.HasPrefix(e.Record.Stream, []byte(prefix)) {
		return false
	}
	return bytes.HasSuffix(e.Record.Stream, []byte("-checkpoint")) || bytes.HasSuffix(e.Record.Stream, []byte("-parked"))
}
