package catalog

import (
	_ "embed"
	"encoding"
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"avportal/domain"
)

// Kind is what a field of an event is, in the terms of JSON.
type Kind string

// The kinds of fields.
const (
	Text    Kind = "text"
	Integer Kind = "integer" // 64 bits
	Boolean Kind = "boolean"
	Instant Kind = "instant" // RFC 3339, UTC
	Object  Kind = "object"
	List    Kind = "list"
)

// Shape is the present shape of one event type.
type Shape struct {
	Type      string  `json:"type"`
	Version   int     `json:"version"`
	Aggregate string  `json:"aggregate"` // whose commands write it
	Telemetry bool    `json:"telemetry"` // it stands in the aggregate's telemetry stream, apart from the action log
	Doc       string  `json:"doc"`
	Fields    []Field `json:"fields"`
}

// Field is one field of an event or of an object in it.
type Field struct {
	Name     string   `json:"name"` // on the wire
	Kind     Kind     `json:"kind"`
	Optional bool     `json:"optional"` // left out where there is nothing to say
	Doc      string   `json:"doc,omitempty"`
	Values   []string `json:"values,omitempty"` // those that this build knows; another may write more
	Fields   []Field  `json:"fields,omitempty"` // of an object, or of the objects of a list
	Elements Kind     `json:"elements,omitempty"`
	Personal bool     `json:"personal,omitempty"` // about a person: sealed in the log

	index int // in the struct that holds it
}

// docs.json holds the comments of the source, since a program does not know its own. A test keeps it.
//
//go:embed docs.json
var docsJSON []byte

// docs are comments by "<package>.<Type>" and "<package>.<Type>.<Field>", and the values of the types that enumerate some.
type docs struct {
	Comments map[string]string   `json:"comments"`
	Values   map[string][]string `json:"values"`
}

// Shapes describes every event type of a registry, by type name.
func Shapes(r *domain.Registry) ([]Shape, error) {
	var d docs
	if err := json.Unmarshal(docsJSON, &d); err != nil {
		return nil, fmt.Errorf("docs of events: %w", err)
	}
	var out []Shape
	for _, declared := range r.Declarations() {
		typ := reflect.TypeOf(declared.Zero())
		s := Shape{Type: declared.Type, Version: declared.Version, Aggregate: path.Base(typ.PkgPath()), Doc: d.Comments[docName(typ)]}
		s.Telemetry = declared.Type == telemetry
		var err error
		if s.Fields, err = d.fields(typ); err != nil {
			return nil, fmt.Errorf("event %s: %w", declared.Type, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// telemetry is the one event type that stands in telemetry streams.
const telemetry = "device.observed"

func docName(t reflect.Type) string { return path.Base(t.PkgPath()) + "." + t.Name() }

func (d docs) fields(t reflect.Type) (out []Field, err error) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		field := Field{Name: name, Optional: strings.Contains(options, "omit"), Doc: d.Comments[docName(t)+"."+f.Name], index: i}
		if err := d.kind(&field, f.Type); err != nil {
			return nil, fmt.Errorf("field %s: %w", name, err)
		}
		out = append(out, field)
	}
	return out, nil
}

func (d docs) kind(f *Field, t reflect.Type) (err error) {
	f.Values = d.Values[docName(t)]
	switch {
	case t == reflect.TypeFor[time.Time]():
		f.Kind = Instant
	case t == reflect.TypeFor[domain.Personal]():
		f.Kind, f.Personal = Text, true
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()), t.Kind() == reflect.String:
		f.Kind = Text
	case t.Kind() == reflect.Bool:
		f.Kind = Boolean
	case t.Kind() == reflect.Int, t.Kind() == reflect.Int64:
		f.Kind = Integer
	case t.Kind() == reflect.Struct:
		f.Kind = Object
		f.Fields, err = d.fields(t)
		if f.Doc == "" {
			f.Doc = d.Comments[docName(t)]
		}
	case t.Kind() == reflect.Slice:
		var element Field
		err = d.kind(&element, t.Elem())
		f.Kind, f.Elements, f.Fields, f.Values = List, element.Kind, element.Fields, element.Values
	default:
		return fmt.Errorf("a %s has no kind", t)
	}
	return err
}

// Find looks a field up by its path, as in "facts.hostname". It does not look into lists.
func (s Shape) Find(fieldPath string) (Field, bool) {
	f := Field{Kind: Object, Fields: s.Fields}
	for name := range strings.SplitSeq(fieldPath, ".") {
		i := slices.IndexFunc(f.Fields, func(f Field) bool { return f.Name == name })
		if f.Kind != Object || i < 0 {
			return Field{}, false
		}
		f = f.Fields[i]
	}
	return f, true
}

// Value takes a field out of an event of this shape, by its path. A field that is left out on the wire for being empty
// gives nil where it is an instant or an object, since these have no empty value of their own.
func (s Shape) Value(e domain.Event, fieldPath string) (any, error) {
	v, fields := reflect.ValueOf(e), s.Fields
	var f Field
	for name := range strings.SplitSeq(fieldPath, ".") {
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		if i < 0 || v.Kind() != reflect.Struct {
			return nil, fmt.Errorf("event %s has no field %s", s.Type, fieldPath)
		}
		f = fields[i]
		v, fields = v.Field(f.index), f.Fields
	}
	switch f.Kind {
	case Integer:
		return v.Int(), nil
	case Boolean:
		return v.Bool(), nil
	case Instant:
		if at := v.Interface().(time.Time); !at.IsZero() {
			return at, nil
		}
		return nil, nil
	case Text:
		if p, ok := v.Interface().(domain.Personal); ok {
			return p.Text, nil
		}
		if m, ok := v.Interface().(encoding.TextMarshaler); ok {
			b, err := m.MarshalText()
			return string(b), err
		}
		return v.String(), nil
	}
	if f.Optional && v.IsZero() {
		return nil, nil
	}
	b, err := json.Marshal(inClear(v, f))
	return json.RawMessage(b), err
}

// inClear is a value as JSON takes it, with personal texts as they read.
func inClear(v reflect.Value, f Field) any {
	if p, ok := v.Interface().(domain.Personal); ok {
		return p.Text
	}
	if f.Kind != Object {
		return v.Interface()
	}
	out := map[string]any{}
	for _, inner := range f.Fields {
		if value := v.Field(inner.index); !inner.Optional || !value.IsZero() {
			out[inner.Name] = inClear(value, inner)
		}
	}
	return out
}

// Paths lists the fields of a shape that can be asked for, as Find takes them.
func (s Shape) Paths() []string { return paths("", s.Fields) }

func paths(prefix string, fields []Field) (out []string) {
	for _, f := range fields {
		out = append(out, prefix+f.Name)
		if f.Kind == Object {
			out = append(out, paths(prefix+f.Name+".", f.Fields)...)
		}
	}
	return out
}
