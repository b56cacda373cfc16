package api

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/profile"
	"avportal/eventstore"
	"avportal/projections/page"
)

// ListEditions reads the profile's own stream.
func (s *server) ListEditions(ctx context.Context, r ListEditionsRequestObject) (ListEditionsResponseObject, error) {
	c, id := callOf(ctx), domain.ProfileID(r.Id)
	since, err := s.oldestEdition(ctx, id)
	if err != nil {
		return nil, err
	}
	of := page.Of{List: "editions", Scope: c.scope(), Filter: id}
	from, err := of.Key(value(r.Params.Cursor), 1)
	if err != nil {
		return nil, err
	}
	at := eventstore.End
	if from != nil {
		n, err := strconv.ParseInt(from[0], 10, 64)
		if err != nil || n < 0 {
			return nil, page.ErrCursor
		}
		at = eventstore.Revision(n)
	}
	body := EditionList{Items: []Edition{}}
	limit := page.Limit(value(r.Params.Limit))
	for e, err := range s.Store.Read(ctx, profile.Stream(c.actor.Tenant, id), at, eventstore.Backward, 0) {
		if err != nil {
			return nil, err
		}
		edition, ok := editionOf(e)
		if !ok {
			continue
		}
		if edition.Edition < since {
			break
		}
		if len(body.Items) == limit {
			next, err := of.Cursor(strconv.FormatInt(int64(e.Revision), 10))
			body.NextCursor = &next
			return ListEditions200JSONResponse(body), err
		}
		body.Items = append(body.Items, edition)
	}
	return ListEditions200JSONResponse(body), nil
}

func editionOf(r eventstore.Recorded) (Edition, bool) {
	out := Edition{At: r.At.UTC(), Actor: Actor{Kind: ActorKind(r.Meta.Actor), Id: r.Meta.ActorID, OnBehalfOf: some(r.Meta.OnBehalfOf)}, Sections: []string{}}
	switch e := r.Event.(type) {
	case profile.Created:
		out.Edition = 1
	case profile.SettingsChanged:
		out.Edition, out.Restores = e.Edition, some(e.Restores)
		out.Sections = each(e.Sections, func(s profile.Section) string { return string(s) })
	default:
		return out, false
	}
	return out, true
}

// oldestEdition is the first one that the caller may see: to a customer's people, what was before the profile became the
// customer's is the former owner's.
func (s *server) oldestEdition(ctx context.Context, id domain.ProfileID) (int, error) {
	now, err := s.profile(ctx, id)
	if err != nil || callOf(ctx).actor.Customer == "" {
		return 1, err
	}
	return now.OwnedSince(), nil
}

// edition is a profile as it stood in an edition that the caller may see.
func (s *server) edition(ctx context.Context, id domain.ProfileID, n int) (profile.Settings, error) {
	since, err := s.oldestEdition(ctx, id)
	if err != nil {
		return profile.Settings{}, err
	}
	if n < since {
		return profile.Settings{}, commands.ErrNoEdition
	}
	return commands.ProfileEdition(ctx, s.Commands, callOf(ctx).actor.Tenant, id, n)
}

func (s *server) GetEdition(ctx context.Context, r GetEditionRequestObject) (GetEditionResponseObject, error) {
	settings, err := s.edition(ctx, domain.ProfileID(r.Id), r.Edition)
	if err != nil {
		return nil, err
	}
	body, err := settingsOf(settings)
	return GetEdition200JSONResponse(body), err
}

func (s *server) RestoreEdition(ctx context.Context, r RestoreEditionRequestObject) (RestoreEditionResponseObject, error) {
	c, id := callOf(ctx), domain.ProfileID(r.Id)
	settings, err := s.edition(ctx, id, r.Body.Edition)
	if err != nil {
		return nil, err
	}
	body, h, err := s.save(ctx, profile.ChangeSettings{
		Tenant: c.actor.Tenant, Profile: id, Settings: settings, Restores: r.Body.Edition, At: c.at,
	}, value(r.Params.Transmit))
	return RestoreEdition200JSONResponse{body, RestoreEdition200ResponseHeaders(h)}, err
}

func (s *server) ListDifferences(ctx context.Context, r ListDifferencesRequestObject) (ListDifferencesResponseObject, error) {
	id := domain.ProfileID(r.Id)
	from, err := s.edition(ctx, id, r.Params.From)
	if err != nil {
		return nil, err
	}
	to, err := s.edition(ctx, id, r.Params.To)
	if err != nil {
		return nil, err
	}
	items, err := differences(from, to)
	return ListDifferences200JSONResponse{Items: items}, err
}

// differences tells each field that differs, in the order of their names. A list is one field.
func differences(from, to profile.Settings) ([]Difference, error) {
	var fields [2]map[string]any
	for i, settings := range []profile.Settings{from, to} {
		shown, err := settingsOf(settings)
		if err != nil {
			return nil, err
		}
		var tree map[string]any
		if err := recode(shown, &tree); err != nil {
			return nil, err
		}
		fields[i] = map[string]any{}
		flatten("", tree, fields[i])
	}
	all := maps.Clone(fields[0])
	maps.Copy(all, fields[1])
	items := []Difference{}
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if a, b := fields[0][field], fields[1][field]; !reflect.DeepEqual(a, b) {
			items = append(items, Difference{Field: field, From: a, To: b})
		}
	}
	// That a password has become another one shows by its id alone.
	for field, ids := range map[string][2]profile.SecretID{
		"/updates/proxy/password": {from.Updates.Proxy.Password, to.Updates.Proxy.Password}, "/lock/password": {from.Lock.Password, to.Lock.Password},
	} {
		if ids[0] != ids[1] && ids[0] != "" && ids[1] != "" {
			items = append(items, Difference{Field: field})
		}
	}
	return items, nil
}

func flatten(at string, tree map[string]any, into map[string]any) {
	for name, v := range tree {
		if below, ok := v.(map[string]any); ok {
			flatten(at+"/"+name, below, into)
			continue
		}
		into[at+"/"+name] = v
	}
}
