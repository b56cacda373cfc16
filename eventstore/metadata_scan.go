package eventstore

import (
	"bytes"
	"encoding/hex"
	"encoding/json"

	"github.com/google/uuid"

	"avportal/domain"
)

func appendUUID(b []byte, id uuid.UUID) []byte {
	b = hex.AppendEncode(b, id[0:4])
	b = hex.AppendEncode(append(b, '-'), id[4:6])
	b = hex.AppendEncode(append(b, '-'), id[6:8])
	b = hex.AppendEncode(append(b, '-'), id[8:10])
	return hex.AppendEncode(append(b, '-'), id[10:16])
}

// appendField appends a field that is left out when empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendString(append(b, name...), value)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if !plain(s[i]) {
			quoted, _ := json.Marshal(s) // a string always marshals
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// plain reports whether encoding/json writes c as it is.
func plain(c byte) bool {
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

// scanMetadata reads exactly the layout of EncodeMetadata with plain strings and reports whether it was that.
func scanMetadata(data []byte) (m Metadata, ok bool) {
	s := scanner{rest: data}
	ok = s.literal(`{"$correlationId":"`) && s.uuid(&m.Correlation) &&
		s.literal(`","$causationId":"`) && s.uuid(&m.Causation) &&
		s.literal(`","command":"`) && s.uuid(&m.Command) && s.literal(`"`)
	if !ok {
		return Metadata{}, false
	}
	m.Fingerprint = s.field(`,"fingerprint":"`)
	m.Actor = domain.ActorKind(s.field(`,"actor":"`))
	m.ActorID = s.field(`,"actorId":"`)
	m.OnBehalfOf = s.field(`,"onBehalfOf":"`)
	ok = m.Actor != "" && s.literal(`,"version":`) && s.number(&m.Version) && string(s.rest) == "}"
	return m, ok
}

type scanner struct{ rest []byte }

func (s *scanner) literal(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

func (s *scanner) uuid(id *uuid.UUID) bool {
	const length = 36
	if len(s.rest) < length {
		return false
	}
	parsed, err := uuid.ParseBytes(s.rest[:length])
	if err != nil {
		return false
	}
	*id, s.rest = parsed, s.rest[length:]
	return true
}

// field reads a plain string behind its name. If it is not there, or not plain, nothing is consumed, so that the next
// literal fails to match unless the field was merely left out.
func (s *scanner) field(name string) string {
	before := s.rest
	if !s.literal(name) {
		return ""
	}
	end := bytes.IndexByte(s.rest, '"')
	for i := range max(end, 0) {
		if !plain(s.rest[i]) {
			end = -1
			break
		}
	}
	if end < 0 {
		s.rest = before
		return ""
	}
	value := string(s.rest[:end])
	s.rest = s.rest[end+1:]
	return value
}

// number reads a version: one to nine digits without a leading zero.
func (s *scanner) number(n *int) bool {
	i := 0
	for i < len(s.rest) && i < 9 && s.rest[i] >= '0' && s.rest[i] <= '9' {
		*n = *n*10 + int(s.rest[i]-'0')
		i++
	}
	if i == 0 || (i > 1 && s.rest[0] == '0') {
		return false
	}
	s.rest = s.rest[i:]
	return true
}
