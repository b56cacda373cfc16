package commands

import (
	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

// reaction is the request of a policy that reacts to an event. Its id follows from the event and the policy, so an
// event that is delivered again leads to a replay. Its time is the event's own.
func reaction(r eventstore.Recorded, policy string) Request {
	return Request{
		Actor:       domain.SystemActor(policy, r.Stream.Tenant),
		At:          r.At,
		ID:          uuid.NewSHA1(r.ID, []byte(policy)),
		Correlation: r.Meta.Correlation,
		Causation:   r.ID,
	}
}
