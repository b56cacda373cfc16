package domain

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Subject names a person whose key seals what the log holds of him. It is opaque, and never given to another person.
type Subject string

// Personal is text about a person: a name, an e-mail address. In the log it stands sealed with a key of his own; without that
// key, which is destroyed when the person is erased, nobody reads it any more, and the log stays as it is.
//
// An event has a field of this type, and that is all: the registry finds it when the event type is declared, and the event
// store seals and opens it. In memory the text is clear, so mind where it goes: fmt and encoding/json do not give it away.
type Personal struct {
	Subject Subject
	Text    string // empty if there is none, if it is sealed, and if it is erased

	sealed string // as it stands in the log
	erased bool
}

// Erased reports whether the text was there and is gone for good.
func (p Personal) Erased() bool { return p.erased }

// Sealed is the text without its key, as it stands in the log; empty if it is open.
func (p Personal) Sealed() string { return p.sealed }

// Seal gives the text as it is stored: what a cipher made of it.
func (p Personal) Seal(cipherText string) Personal {
	return Personal{Subject: p.Subject, sealed: cipherText}
}

// Open gives a sealed text in clear.
func (p Personal) Open(text string) Personal { return Personal{Subject: p.Subject, Text: text} }

// Erase gives the text as one that nobody can read any more.
func (p Personal) Erase() Personal { return Personal{Subject: p.Subject, erased: true} }

// String tells nothing, so that no log file or error message does.
func (p Personal) String() string {
	switch {
	case p.erased:
		return "(erased)"
	case p.Text == "" && p.sealed == "":
		return ""
	}
	return "(personal)"
}

// GoString tells nothing either.
func (p Personal) GoString() string { return p.String() }

var errClear = errors.New("a personal text must be sealed before it is stored")

// MarshalText gives the stored form, "<subject>.<cipher text>". A clear text has none.
func (p Personal) MarshalText() ([]byte, error) {
	switch {
	case p.sealed != "":
		return []byte(string(p.Subject) + "." + p.sealed), nil
	case p.Text != "":
		return nil, errClear
	}
	return nil, nil
}

// UnmarshalText reads the stored form.
func (p *Personal) UnmarshalText(text []byte) error {
	*p = Personal{}
	if len(text) == 0 {
		return nil
	}
	subject, sealed, ok := strings.Cut(string(text), ".")
	if !ok || subject == "" || sealed == "" {
		return errors.New("a sealed text has the form <subject>.<cipher text>")
	}
	p.Subject, p.sealed = Subject(subject), sealed
	return nil
}

// Transform makes another form of a personal text: it seals it, or opens it. The place is that of the field, as in
// "user.invited/email"; a cipher binds the text to it.
type Transform func(place string, p Personal) (Personal, error)

// personalField is where an event type holds a personal text, or a list of what holds some.
type personalField struct {
	path  string // by wire names, as in "name.first"
	index []int
	each  []personalField // of each element, if it is a list
}

var personalType = reflect.TypeFor[Personal]()

// personalFields finds the personal texts of a type. The elements of a list share their places: the cipher binds their texts
// to the person and the list, not to their order in it. A list of bare texts is a mistake in the program.
func personalFields(t reflect.Type) (found []personalField) {
	if t.Kind() != reflect.Struct {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Type == personalType:
			found = append(found, personalField{path: name, index: []int{i}})
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[time.Time]():
			for _, inner := range personalFields(f.Type) {
				found = append(found, personalField{name + "." + inner.path, append([]int{i}, inner.index...), inner.each})
			}
		case f.Type.Kind() == reflect.Slice && f.Type.Elem() == personalType:
			panic(fmt.Sprintf("domain: %s.%s is a list of personal texts", t, f.Name))
		case f.Type.Kind() == reflect.Slice:
			if each := personalFields(f.Type.Elem()); len(each) > 0 {
				found = append(found, personalField{name, []int{i}, each})
			}
		}
	}
	return found
}

// TransformPersonal gives an event with each of its personal texts transformed. The event itself stays as it is.
func TransformPersonal(e Event, transform Transform) (Event, error) {
	return transformed(e, personalFields(reflect.TypeOf(e)), transform)
}

func transformed(e Event, fields []personalField, transform Transform) (Event, error) {
	if len(fields) == 0 {
		return e, nil
	}
	out := reflect.New(reflect.TypeOf(e)).Elem()
	out.Set(reflect.ValueOf(e))
	if err := transformIn(out, e.EventType()+"/", fields, transform); err != nil {
		return nil, fmt.Errorf("event %s: %w", e.EventType(), err)
	}
	return out.Interface().(Event), nil
}

// transformIn works on an addressable value. Lists are replaced, since others may hold them. The place begins with where the
// value stands.
func transformIn(v reflect.Value, place string, fields []personalField, transform Transform) error {
	for _, f := range fields {
		at := v.FieldByIndex(f.index)
		if f.each != nil {
			list := reflect.MakeSlice(at.Type(), at.Len(), at.Len())
			reflect.Copy(list, at)
			for i := range list.Len() {
				if err := transformIn(list.Index(i), place+f.path+".", f.each, transform); err != nil {
					return err
				}
			}
			if !at.IsNil() {
				at.Set(list)
			}
			continue
		}
		p := at.Addr().Interface().(*Personal)
		var err error
		if *p, err = transform(place+f.path, *p); err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return nil
}

// PersonalTexts gives an event's personal texts by the path of their field, as in "name.first" or "recipients.0.address".
func PersonalTexts(e Event) map[string]Personal {
	out := map[string]Personal{}
	personalTexts(reflect.ValueOf(e), "", personalFields(reflect.TypeOf(e)), out)
	return out
}

func personalTexts(v reflect.Value, path string, fields []personalField, out map[string]Personal) {
	for _, f := range fields {
		at := v.FieldByIndex(f.index)
		if f.each == nil {
			out[path+f.path] = at.Interface().(Personal)
			continue
		}
		for i := range at.Len() {
			personalTexts(at.Index(i), path+f.path+"."+strconv.Itoa(i)+".", f.each, out)
		}
	}
}
