package api

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/token"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/api/tokens"
	"avportal/projections/page"
)

func (s *server) GetMe(ctx context.Context, _ GetMeRequestObject) (GetMeResponseObject, error) {
	c := callOf(ctx)
	me := Me{
		Kind: ActorKind(c.actor.Kind), Id: c.actor.ID, Role: Role(c.actor.Role), Tenant: some(string(c.actor.Tenant)),
		Customer: some(string(c.actor.Customer)), ExpiresAt: instant(c.expires), Permissions: []string{},
	}
	for _, p := range []domain.Permission{
		domain.Read, domain.ReadLog, domain.ManageReseller, domain.ManageCustomers, domain.ManageLicenses,
		domain.ManageGroups, domain.ManageDevices, domain.ManageProfiles, domain.ManageUsers, domain.ManageSelf, domain.GiveConsent, domain.OperatePlatform,
	} {
		if c.actor.Role.Allows(p) {
			me.Permissions = append(me.Permissions, string(p))
		}
	}
	var err error
	me.Steps, err = s.firstSteps(ctx)
	return GetMe200JSONResponse(me), err
}

// firstSteps are what a person is to be shown after signing in.
func (s *server) firstSteps(ctx context.Context) ([]FirstStep, error) {
	c, steps := callOf(ctx), []FirstStep{}
	if c.session == nil {
		return steps, nil
	}
	err := s.inspectUser(ctx, domain.UserID(c.actor.ID), func(m user.State, _ eventstore.Revision) {
		if !m.WebinarSeen() {
			steps = append(steps, FirstStepWebinar)
		}
	})
	if err != nil || !c.actor.Role.Allows(domain.ManageReseller) {
		return steps, err
	}
	conversion, err := s.conversion(ctx)
	if err == nil && conversion.State == ConversionStateOpen {
		steps = append(steps, FirstStepConversion)
	}
	return steps, err
}

func (s *server) ListTokens(ctx context.Context, r ListTokensRequestObject) (ListTokensResponseObject, error) {
	c := callOf(ctx)
	of := page.Of{List: "tokens", Scope: c.scope()}
	after, err := tokenMark(of, value(r.Params.Cursor))
	if err != nil {
		return nil, err
	}
	limit := page.Limit(value(r.Params.Limit))
	list, err := s.Tokens.List(ctx, c.scope(), after, limit+1)
	if err != nil {
		return nil, err
	}
	var next string
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		if next, err = of.Cursor(strconv.FormatInt(last.CreatedAt.UnixMicro(), 10), last.ID.String()); err != nil {
			return nil, err
		}
	}
	return ListTokens200JSONResponse{Items: each(list, tokenOf), NextCursor: some(next)}, nil
}

func tokenMark(of page.Of, cursor string) (*tokens.Mark, error) {
	key, err := of.Key(cursor, 2)
	if err != nil || key == nil {
		return nil, err
	}
	micro, err1 := strconv.ParseInt(key[0], 10, 64)
	id, err2 := uuid.Parse(key[1])
	if err1 != nil || err2 != nil {
		return nil, page.ErrCursor
	}
	return &tokens.Mark{CreatedAt: time.UnixMicro(micro).UTC(), ID: id}, nil
}

// CreateToken makes a token within the caller's tenant; only callers for the whole tenant may (see routes).
func (s *server) CreateToken(ctx context.Context, r CreateTokenRequestObject) (CreateTokenResponseObject, error) {
	c, b := callOf(ctx), r.Body
	customer, role := domain.CustomerID(value(b.Customer)), domain.Role(b.Role)
	if customer == "" && (role == domain.CustomerAdmin || role == domain.CustomerReadOnly) {
		return nil, invalidRequest("/customer", "required", "This role needs a customer.")
	}
	if customer != "" {
		if err := s.requireCustomer(ctx, customer); err != nil {
			return nil, err
		}
	}
	// The log says so first: what is broken off here leaves a token that opens nothing, and goes on when it is repeated.
	create := token.Create{
		Tenant: c.actor.Tenant, Customer: customer, Token: token.ID(c.command.String()), Name: b.Name, Role: role,
		Lifetime: time.Duration(value(b.Days)) * 24 * time.Hour, At: c.at,
	}
	if _, err := commands.Do[token.State](ctx, s.Commands, c.request(), create); err != nil {
		return nil, err
	}
	var made token.State
	if err := commands.Inspect(ctx, s.Commands, create.Stream(), func(st token.State, _ eventstore.Revision) { made = st }); err != nil {
		return nil, err
	}
	if made.Revoked() {
		return nil, tokens.ErrExists
	}
	t, secret, err := s.Tokens.Create(ctx, tokens.Grant{
		ID: c.command, Name: made.Created().Name, Role: role, Tenant: c.actor.Tenant, Customer: customer, Lifetime: made.Created().ExpiresAt.Sub(c.at),
	})
	if err != nil {
		return nil, err
	}
	location := basePath + "/tokens/" + t.ID.String()
	return CreateToken201JSONResponse{TokenCreated{Token: tokenOf(t), Secret: secret}, CreateToken201ResponseHeaders{Location: &location}}, nil
}

// RevokeToken lets the log say so first; if this is broken off, a policy revokes it. Tokens of
// the development mode, and those that an older build made on the command line, are not in the log.
func (s *server) RevokeToken(ctx context.Context, r RevokeTokenRequestObject) (RevokeTokenResponseObject, error) {
	c := callOf(ctx)
	res, err := commands.Do[token.State](ctx, s.Commands, c.request(), token.Revoke{Tenant: c.actor.Tenant, Token: token.ID(r.Id.String()), At: c.at})
	if err != nil && !errors.Is(err, domain.ErrNotFound) {
		return nil, err
	}
	err = s.Tokens.Revoke(ctx, c.scope(), r.Id)
	if res.Events > 0 && errors.Is(err, domain.ErrNotFound) {
		err = nil // it never opened anything
	}
	return RevokeToken204Response{}, err
}

func tokenOf(t tokens.Token) Token {
	return Token{
		Id: t.ID, Name: t.Name, Role: Role(t.Role), Customer: some(string(t.Customer)), CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
		LastUsedAt: instant(t.LastUsedAt),
	}
}
