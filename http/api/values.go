package api

import (
	"strconv"
	"strings"
	"time"

	"avportal/commands"
	"avportal/eventstore"
)

// Fields without a value are left out of answers, which in the generated types is a nil pointer.

// some is nil for a zero value.
func some[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// instant is nil for a zero time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// value is the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// values converts a list of strings of one type to another; nil stays nil.
func values[To, From ~string](list *[]From) []To {
	if list == nil {
		return nil
	}
	out := make([]To, len(*list))
	for i, v := range *list {
		out[i] = To(v)
	}
	return out
}

// each converts the items of a list; the answer is never nil, so that it encodes as [].
func each[To, From any](list []From, convert func(From) To) []To {
	out := make([]To, len(list))
	for i, v := range list {
		out[i] = convert(v)
	}
	return out
}

// order takes a sort key apart: a minus before it turns it around.
func order(sort string) (key string, descending bool) {
	key, descending = strings.CutPrefix(sort, "-")
	return key, descending
}

func ref[ID ~string](id ID, name string) Ref { return Ref{Id: string(id), Name: name} }

func etag(r eventstore.Revision) *string {
	tag := `"` + strconv.FormatInt(int64(r), 10) + `"`
	return &tag
}

func position(p eventstore.Position) *Position {
	s := p.String()
	return &s
}

// The generated header types of all answers to changes are alike, and convert from these.
type changedHeaders struct {
	ETag           *string
	PortalPosition *Position
}

type createdHeaders struct {
	ETag           *string
	Location       *string
	PortalPosition *Position
}

type jobHeaders struct {
	Location       *string
	PortalPosition *Position
}

// changed is the answer to a change of one object.
func changed[ID ~string](id ID, r commands.Result) (Changed, changedHeaders) {
	return Changed{Id: string(id), Revision: int64(r.Revision), Position: r.Position.String(), Changed: r.Events > 0},
		changedHeaders{ETag: etag(r.Revision), PortalPosition: position(r.Position)}
}

// created adds where the object is to be found.
func created[ID ~string](path string, id ID, r commands.Result) (Changed, createdHeaders) {
	body, h := changed(id, r)
	location := basePath + path + string(id)
	return body, createdHeaders{ETag: h.ETag, Location: &location, PortalPosition: h.PortalPosition}
}

// isNew reports whether a command began a stream, also when it did so the first time it was sent.
func isNew(r commands.Result) bool { return r.Events > 0 && r.Revision == 0 }
