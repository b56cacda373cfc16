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
	decode  map[int]decoder
	zero    Event

	personal []personalField // found once: a type without any costs nothing
}

// decoder reads one shape of an event type. Personal texts are opened where open is given, and else stay sealed.
type decoder func(data []byte, open Transform) (Event, error)

// Past is one past shape of an event type, mapped straight to the present, never along a chain: when the present
// changes, the compiler lists every mapping to revisit.
type Past[E Event] struct {
	version int
	decode  decoder
}

// Was says that version was stored as an O, and what such an event means today.
func Was[E Event, O any](version int, upcast func(O) E) Past[E] {
	var zero E
	decode := decoderOf[O](zero.EventType())
	return Past[E]{version, func(data []byte, open Transform) (Event, error) {
		o, err := decode(data, open)
		if err != nil {
			return nil, err
		}
		return upcast(o), nil
	}}
}

// Declare declares E at its present version. Each version before it needs its Past.
func Declare[E Event](version int, past ...Past[E]) Declaration {
	var zero E
	d := Declaration{
		Type: zero.EventType(), Version: version, zero: zero, decode: map[int]decoder{}, personal: personalFields(reflect.TypeFor[E]()),
	}
	decode := decoderOf[E](d.Type)
	d.decode[version] = func(data []byte, open Transform) (Event, error) {
		e, err := decode(data, open)
		if err != nil {
			return nil, err
		}
		return e, nil
	}
	for _, p := range past {
		d.decode[p.version] = p.decode
	}
	return d
}

// decoderOf reads a shape, whose personal texts were sealed for their places in that very shape.
func decoderOf[O any](eventType string) func([]byte, Transform) (O, error) {
	personal, plain := personalFields(reflect.TypeFor[O]()), decodePlain(reflect.TypeFor[O]())
	return func(data []byte, open Transform) (o O, err error) {
		if plain == nil || !plain(data, reflect.ValueOf(&o).Elem()) {
			var zero O
			o = zero
			if err := json.Unmarshal(data, &o); err != nil {
				return o, err
			}
		}
		if open == nil || len(personal) == 0 {
			return o, nil
		}
		return o, transformIn(reflect.ValueOf(&o).Elem(), eventType+"/", personal, open)
	}
}

// Personal reports whether events of this type hold text about people.
func (d Declaration) Personal() bool { return len(d.personal) > 0 }

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

// Encode gives an event's stored form and its shape version, with personal texts sealed. An undeclared event is an error: it
// could never be read back. So is a text that is left in clear, as without seal.
func (r *Registry) Encode(e Event, seal Transform) (data []byte, version int, err error) {
	d, ok := r.byType[e.EventType()]
	if !ok {
		return nil, 0, fmt.Errorf("event type %q is not declared", e.EventType())
	}
	if len(d.personal) > 0 && seal != nil {
		if e, err = transformed(e, d.personal, seal); err != nil {
			return nil, 0, err
		}
	}
	data, err = json.Marshal(e)
	return data, d.Version, err
}

// Decode gives the present form of a stored event, with personal texts opened; without open they stay sealed. A type or
// version that this build does not declare becomes Unknown, which auditors can read and at which views and commands stop. An
// error means that the bytes are damaged, or that open failed.
func (r *Registry) Decode(eventType string, version int, data []byte, open Transform) (Event, error) {
	decode := r.byType[eventType].decode[version]
	if decode == nil {
		return Unknown{Type: eventType, Version: version, Data: data}, nil
	}
	e, err := decode(data, open)
	if err != nil {
		return nil, fmt.Errorf("event %s version %d: %w", eventType, version, err)
	}
	return e, nil
}

// Personal reports whether events of a type hold text about people.
func (r *Registry) Personal(eventType string) bool { return len(r.byType[eventType].personal) > 0 }

// Unknown is an event that this build does not declare, most likely written by a newer one.
type Unknown struct {
	Type    string
	Version int
	Data    json.RawMessage
}

// EventType is the stored type name.
func (u Unknown) EventType() string { return u.Type }
