// Package history is the log as auditors read it: every event of a reseller, in order, one JSON object a line, with the bytes as
// they are stored.
package history

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

// Line is an event, or a mark: how far the reader has come.
type Line struct {
	Position eventstore.Position
	CaughtUp bool // there is nothing behind it for now
	Beat     bool // nothing to tell; the reader is still there

	Stream   string
	Revision eventstore.Revision
	ID       uuid.UUID
	Type     string
	Version  int // of the event's shape
	At       time.Time
	Meta     json.RawMessage
	Data     json.RawMessage

	// Redacted names what was left out of Data for who may not see it; SHA256 is the hash of the data as stored then.
	Redacted []string
	SHA256   string
}

// stored is a line as it is written. Data and metadata come last and as they are stored.
type stored struct {
	Position string          `json:"position"`
	CaughtUp bool            `json:"caught_up,omitempty"`
	Beat     bool            `json:"heartbeat,omitempty"`
	Stream   string          `json:"stream,omitempty"`
	Revision int64           `json:"revision,omitempty"`
	ID       uuid.UUID       `json:"id,omitzero"`
	Type     string          `json:"type,omitempty"`
	Version  int             `json:"version,omitempty"`
	At       time.Time       `json:"at,omitzero"`
	Redacted []string        `json:"redacted,omitempty"`
	SHA256   string          `json:"sha256,omitempty"`
	Meta     json.RawMessage `json:"meta,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// secrets are what of an event only those see who may use it: a license's key lets devices in.
var secrets = []string{"key"}

// Of is an event as a line. Without withSecrets, keys are left out of it.
func Of(r eventstore.Recorded, withSecrets bool) (Line, error) {
	l := Line{
		Position: r.Position, Stream: r.Stream.String(), Revision: r.Revision, ID: r.ID, Type: r.Type, Version: r.Meta.Version, At: r.At.UTC(),
		Meta: r.RawMeta, Data: r.Data,
	}
	if !withSecrets && r.Stream.Kind == domain.KindLicense {
		return l, l.redact()
	}
	return l, nil
}

func (l *Line) redact() error {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(l.Data, &fields); err != nil {
		return fmt.Errorf("event %s: %w", l.ID, err)
	}
	for _, secret := range secrets {
		if _, there := fields[secret]; there {
			delete(fields, secret)
			l.Redacted = append(l.Redacted, secret)
		}
	}
	if l.Redacted == nil {
		return nil
	}
	sum := sha256.Sum256(l.Data)
	l.SHA256 = hex.EncodeToString(sum[:])
	var err error
	l.Data, err = json.Marshal(fields)
	return err
}

// Append adds the line to b, with its end. Data keep their bytes, but for line breaks, which no event of the portal has.
func (l Line) Append(b []byte) ([]byte, error) {
	head := stored{
		Position: l.Position.String(), CaughtUp: l.CaughtUp, Beat: l.Beat, Stream: l.Stream, Revision: int64(l.Revision), ID: l.ID, Type: l.Type,
		Version: l.Version, At: l.At, Redacted: l.Redacted, SHA256: l.SHA256,
	}
	text, err := json.Marshal(head)
	if err != nil {
		return b, err
	}
	b = append(b, text...)
	if l.Type != "" {
		b = b[:len(b)-1]
		if l.Revision == 0 { // which the encoder takes for nothing
			b = append(b, `,"revision":0`...)
		}
		for _, part := range []struct {
			name string
			raw  json.RawMessage
		}{{"meta", l.Meta}, {"data", l.Data}} {
			if !json.Valid(part.raw) {
				return b, fmt.Errorf("event %s: its %s is no JSON", l.ID, part.name)
			}
			b = append(append(b, `,"`+part.name+`":`...), bytes.ReplaceAll(part.raw, []byte("\n"), []byte(" "))...)
		}
		b = append(b, '}')
	}
	return append(b, '\n'), nil
}

// maxLine bounds a line: the log takes no event that is larger than 16 MiB.
const maxLine = 20 << 20

// ErrCut says that what was read ends in the middle of a line.
var ErrCut = errors.New("the history ends in the middle of a line")

// Read reads lines.
func Read(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		for {
			text, err := in.ReadBytes('\n')
			switch {
			case errors.Is(err, io.EOF) && len(text) == 0:
				return
			case errors.Is(err, io.EOF):
				yield(Line{}, ErrCut)
				return
			case err == nil && len(text) > maxLine:
				err = fmt.Errorf("a line of %d bytes", len(text))
			}
			var l Line
			if err == nil {
				l, err = Parse(text)
			}
			if !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// Parse reads one line.
func Parse(text []byte) (Line, error) {
	var s stored
	if err := json.Unmarshal(text, &s); err != nil {
		return Line{}, fmt.Errorf("a line is no event: %w", err)
	}
	position, err := eventstore.ParsePosition(s.Position)
	return Line{
		Position: position, CaughtUp: s.CaughtUp, Beat: s.Beat, Stream: s.Stream, Revision: eventstore.Revision(s.Revision), ID: s.ID, Type: s.Type,
		Version: s.Version, At: s.At, Meta: s.Meta, Data: s.Data, Redacted: s.Redacted, SHA256: s.SHA256,
	}, err
}
