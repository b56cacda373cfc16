// Package domaintest says what a command does in the words given, when, then.
//
//	domaintest.Given[license.State](t, imported).When(license.Rename{...}).Then(license.Renamed{...})
package domaintest

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"avportal/domain"
)

// Scenario is a history and, after When, what a command decided upon it.
type Scenario[S domain.State[S]] struct {
	t       testing.TB
	history []domain.Event
	decided []domain.Event
	err     error
}

// Given starts from a history; none is an empty stream.
func Given[S domain.State[S]](t testing.TB, history ...domain.Event) *Scenario[S] {
	return &Scenario[S]{t: t, history: history}
}

// When lets a command decide. It fails the test if the decision changes the state, or comes out otherwise when taken again.
func (s *Scenario[S]) When(c domain.Command[S]) *Scenario[S] {
	s.t.Helper()
	state := Fold[S](s.history...)
	s.decided, s.err = c.Decide(state)
	if again, err := c.Decide(state); !reflect.DeepEqual(again, s.decided) || !errors.Is(err, s.err) {
		s.t.Errorf("%T decides otherwise the second time: %+v, %v; first %+v, %v", c, again, err, s.decided, s.err)
	}
	if !reflect.DeepEqual(state, Fold[S](s.history...)) {
		s.t.Errorf("%T changes the state while it decides", c)
	}
	return s
}

// Then wants exactly these events, and that each comes back from its stored form unchanged. It returns the scenario
// with the events added to its history.
func (s *Scenario[S]) Then(want ...domain.Event) *Scenario[S] {
	s.t.Helper()
	if s.err != nil {
		s.t.Fatalf("refused: %v; want %+v", s.err, want)
	}
	if !reflect.DeepEqual(s.decided, want) {
		s.t.Fatalf("decided\n%+v\nwant\n%+v", s.decided, want)
	}
	for _, e := range want {
		if stored, back := Stored(s.t, e); !reflect.DeepEqual(back, e) {
			s.t.Errorf("%s comes back as %+v, was %+v (stored as %s)", e.EventType(), back, e, stored)
		}
	}
	return &Scenario[S]{t: s.t, history: append(s.history[:len(s.history):len(s.history)], want...)}
}

// ThenNothing wants that it was already so.
func (s *Scenario[S]) ThenNothing() {
	s.t.Helper()
	if s.err != nil || len(s.decided) != 0 {
		s.t.Fatalf("decided %+v, %v; want nothing", s.decided, s.err)
	}
}

// ThenRefused wants a refusal with the code of err, and with its field if err names one.
func (s *Scenario[S]) ThenRefused(want *domain.Error) {
	s.t.Helper()
	var got *domain.Error
	if !errors.As(s.err, &got) || got.Code != want.Code || (want.Field != "" && got.Field != want.Field) || len(s.decided) != 0 {
		s.t.Fatalf("decided %+v, %v; want the refusal %s at %q", s.decided, s.err, want.Code, want.Field)
	}
	if got.Message == "" {
		s.t.Errorf("the refusal %s tells people nothing", got.Code)
	}
}

// Fold gives the state that events add up to.
func Fold[S domain.State[S]](events ...domain.Event) S {
	var s S
	for _, e := range events {
		s = s.Evolve(e)
	}
	return s
}

// Stored gives an event's stored form, and the event read back from it.
func Stored(t testing.TB, e domain.Event) (stored []byte, back domain.Event) {
	t.Helper()
	const mark = "sealed " // what stands for a cipher
	sealed, err := domain.TransformPersonal(e, func(_ string, p domain.Personal) (domain.Personal, error) {
		if p.Text == "" {
			return p, nil
		}
		return p.Seal(mark + p.Text), nil
	})
	if err == nil {
		stored, err = json.Marshal(sealed)
	}
	if err != nil {
		t.Fatalf("encode %s: %v", e.EventType(), err)
	}
	p := reflect.New(reflect.TypeOf(e))
	if err := json.Unmarshal(stored, p.Interface()); err != nil {
		t.Fatalf("decode %s: %v", e.EventType(), err)
	}
	back, err = domain.TransformPersonal(p.Elem().Interface().(domain.Event), func(_ string, p domain.Personal) (domain.Personal, error) {
		if p.Sealed() == "" {
			return p, nil
		}
		return p.Open(strings.TrimPrefix(p.Sealed(), mark)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return stored, back
}
