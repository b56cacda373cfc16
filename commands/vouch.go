package commands

import (
	"context"
	"strings"

	"avportal/domain"
	"avportal/domain/token"
	"avportal/domain/user"
	"avportal/eventstore"
)

// vouched reports whether who has invited a person, or was the last to renew it, may still give the role: nobody becomes by an
// invitation what the one who invited him could not make him any more. A token must not be revoked; that its time may be over by
// then was known. Who is neither a member nor a token is the portal itself, or its operator.
func (h *Handler) vouched(ctx context.Context, i OpenInvitation) (yes bool, err error) {
	var by domain.Actor
	for r, err := range h.store.Read(ctx, user.Stream(i.Scope.Tenant, i.User), eventstore.End, eventstore.Backward, 0) {
		if err != nil {
			return false, err
		}
		switch r.Event.(type) {
		case user.Invited, user.InvitationRenewed, user.RoleChanged:
			by = domain.Actor{Kind: r.Meta.Actor, ID: r.Meta.ActorID}
		}
		if by.ID != "" {
			break
		}
	}
	if by.Kind != domain.ActorUser {
		return true, nil
	}
	if id, ok := strings.CutPrefix(by.ID, "token-"); ok {
		err = Inspect(ctx, h, token.Stream(i.Scope.Tenant, token.ID(id)), func(s token.State, _ eventstore.Revision) { yes = !s.Revoked() })
		return yes, err
	}
	err = Inspect(ctx, h, user.Stream(i.Scope.Tenant, domain.UserID(by.ID)), func(s user.State, _ eventstore.Revision) {
		reaches := domain.Actor{Tenant: s.Scope().Tenant, Customer: s.Scope().Customer}.Sees(i.Scope)
		yes = !s.Exists() || s.Active() && s.Role().MayGive(i.Role) && reaches
	})
	return yes, err
}
