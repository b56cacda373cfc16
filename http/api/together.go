package api

import (
	"avportal/domain"
)

// together is two commands on one stream that are carried out both or not at all: what a PATCH of two fields asks for.
type together[S domain.State[S]] struct{ first, second domain.Command[S] }

// join makes one command of those that are there; at least one is.
func join[S domain.State[S]](first, second domain.Command[S]) domain.Command[S] {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return together[S]{first, second}
}

func (t together[S]) Stream() domain.Stream { return t.first.Stream() }

func (t together[S]) Needs() domain.Permission { return t.first.Needs() }

// Decide lets the second decide on what the first leads to. The commands that are joined here change nothing in place, so
// the state stays as it was if the second refuses.
func (t together[S]) Decide(s S) ([]domain.Event, error) {
	events, err := t.first.Decide(s)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		s = s.Evolve(e)
	}
	more, err := t.second.Decide(s)
	if err != nil {
		return nil, err
	}
	return append(events, more...), nil
}
