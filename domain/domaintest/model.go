package domaintest

import (
	"errors"

	"pgregory.net/rapid"

	"avportal/domain"
)

// Step lets a command change a state, as one step of a history that rapid makes up. It fails unless the command is refused as
// wanted, nil being not at all, and reports whether there was anything to change.
func Step[S domain.State[S]](t *rapid.T, state *S, c domain.Command[S], want error) (changed bool) {
	events, err := c.Decide(*state)
	if !errors.Is(err, want) || err != nil && want == nil {
		t.Fatalf("%+v: %v, want %v", c, err, want)
	}
	for _, e := range events {
		*state = (*state).Evolve(e)
	}
	return len(events) > 0
}
