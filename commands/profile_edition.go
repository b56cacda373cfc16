package commands

import (
	"context"

	"avportal/domain"
	"avportal/domain/profile"
	"avportal/eventstore"
)

// ErrNoEdition says that a profile has no such edition.
var ErrNoEdition = &domain.Error{Class: domain.NotFound, Code: "not_found", Message: "The profile has no such edition."}

// ProfileEdition answers the settings of a profile as they were in an edition, also of one that has been deleted since.
func ProfileEdition(ctx context.Context, h *Handler, t domain.Tenant, id domain.ProfileID, n int) (settings profile.Settings, err error) {
	present := false
	err = Inspect(ctx, h, profile.Stream(t, id), func(s profile.State, _ eventstore.Revision) {
		if present = s.Edition() == n; present {
			settings = s.Settings()
		}
	})
	if err != nil || present {
		return settings, err
	}
	var then profile.State
	for r, err := range h.store.Read(ctx, profile.Stream(t, id), eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			return settings, err
		}
		if then = then.Evolve(r.Event); then.Edition() == n {
			return then.Settings(), nil
		}
	}
	return settings, ErrNoEdition
}
