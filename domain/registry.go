package domain

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Declaration says how one event type is stored: its present shape, and how each past shape becomes the present one.
type Declaration struct {
	Type    string
	Version int // of the present shape, from 1
	decode  map[int]func([]byte) (Event, error)
	zero    Event
}

// Past is one past shape of an event type, mapped straight to the present, never along a chain: when the present
// changes, the compiler lists every mapping to revisit.
type Past[E Event] struct {
	version int
	decode  func([]byte) (Event, error)
}

// Was says that version was stored as an O, and what such an event means today.
func Was[E Event, O any](version int, upcast func(O) E) Past[E] {
	return Past[E]{version, func(data []byte) (Event, error) {
		var o O
		if err := json.Unmarshal(data, &o); err != nil {
			return nil, err
		}
		return upcast(o), nil
	}}
}

// Declare declares E at its present version. Each version before it needs its Past.
func Declare[E Event](version int, past ...Past[E]) Declaration {
	var zero E
	d := Declaration{Type: zero.EventType(), Version: version, zero: zero, decode: map[int]func([]byte) (Event, error){}}
	plain := decodePlain(reflect.TypeFor[E]())
	d.decode[version] = func(data []byte) (Event, error) {
		var e E
		if plain != nil && plain(data, reflect.ValueOf(&e).Elem()) {
			return e, nil
		}
		e = zero
		if err := json.Unmarshal(data, &e); err != nil {
			return nil, err
		}
		return e, nil
	}
	for _, p := range past {
		d.decode[p.version] = p.decode
	}
	return d
}

// Zero is the event type's zero value, for catalogs and tests.
func (d Declaration) Zero() Event { return d.zero }

// Registry knows every event type of this build. It is immutable.
type Registry struct{ byType map[string]Declaration }

// NewRegistry joins the declarations of all aggregates. It panics on a type declared twice and on a version without
// a shape: both are mistakes in the program, found at start.
func NewRegistry(groups ...[]Declaration) *Registry {
	r := &Registry{byType: map[string]Declaration{}}
	for _, d := range slices.Concat(groups...) {
		if _, twice := r.byType[d.Type]; twice {
			panic(fmt.Sprintf("domain: event type %q is declared twice", d.Type))
		}
		for v := 1; v <= d.Version; v++ {
			if d.decode[v] == nil {
				panic(fmt.Sprintf("domain: event type %q has no shape for version %d", d.Type, v))
			}
		}
		r.byType[d.Type] = d
	}
	return r
}

// Declarations lists all declarations by type name.
func (r *Registry) Declarations() []Declaration {
	return slices.SortedFunc(maps.Values(r.byType), func(a, b Declaration) int {
		if a.Type < b.Type {
			return -1
		}
		return 1
	})
}

// Encode gives an event's stored form and its shape version. An undeclared event is an error: it could never be read back.
func (r *Registry) Encode(e Event) (data []byte, version int, err error) {
	d, ok := r.byType[e.EventType()]
	if !ok {
		return nil, 0, fmt.Errorf("event type %q is not declared", e.EventType())
	}
	data, err = json.Marshal(e)
	return data, d.Version, err
}

// Decode gives the present form of a stored event. A type or version that this build does not declare becomes
// Unknown, which auditors can read and at which views and commands stop. An error means that the bytes are damaged.
func (r *Registry) Decode(eventType string, version int, data []byte) (Event, error) {
	decode := r.byType[eventType].decode[version]
	if decode == nil {
		return Unknown{Type: eventType, Version: version, Data: data}, nil
	}
	e, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("event %s version %d: %w", eventType, version, err)
	}
	return e, nil
}

// Unknown is an event that this build does not declare, most likely written by a newer one.
type Unknown struct {
	Type    string
	Version int
	Data    json.RawMessage
}

// EventType is the stored type name.
func (u Unknown) EventType() string { return u.Type }
