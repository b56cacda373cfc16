package api

import (
	"context"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/profile"
	"avportal/eventstore"
	"avportal/http/secrets"
	"avportal/projections/page"
	"avportal/projections/profiles"
)

const profilesView = "profiles"

func (s *server) ListProfiles(ctx context.Context, r ListProfilesRequestObject) (ListProfilesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	v, err := s.read(ctx, profilesView, licensesView)
	if err != nil {
		return nil, err
	}
	defer v.close()
	sort, descending := order(value(p.Sort))
	f := profiles.Filter{Search: value(p.Q), Sort: profiles.Sort(sort), Descending: descending}
	if p.Owner != nil {
		owner := domain.CustomerID(*p.Owner)
		if owner == "reseller" {
			owner = ""
		}
		f.Owner = &owner
	}
	list, err := profiles.List(ctx, v.db, c.scope(), f, page.Paging{Cursor: value(p.Cursor), Limit: value(p.Limit)})
	if err != nil {
		return nil, err
	}
	body := ProfileList{Items: each(list.Items, profileOf), NextCursor: some(list.Next)}
	if value(p.Count) {
		total, err := profiles.Total(ctx, v.db, c.scope(), f)
		if err != nil {
			return nil, err
		}
		body.Total = &total
	}
	return ListProfiles200JSONResponse{body, ListProfiles200ResponseHeaders{position(v.position)}}, nil
}

func profileOf(p profiles.Profile) ConfigProfile {
	out := ConfigProfile{
		Id: string(p.ID), Name: p.Name, Edition: p.Edition, Groups: p.Groups, Devices: p.Devices, CreatedAt: p.CreatedAt, ChangedAt: p.ChangedAt,
	}
	if p.Owner != "" {
		owner := ref(p.Owner, p.OwnerName)
		out.Owner = &owner
	}
	return out
}

func (s *server) GetConfigProfile(ctx context.Context, r GetConfigProfileRequestObject) (GetConfigProfileResponseObject, error) {
	c, id := callOf(ctx), domain.ProfileID(r.Id)
	var p profiles.Profile
	h, err := s.object(ctx, profilesView, profile.Stream(c.actor.Tenant, id), func(v reading) (at eventstore.Position, err error) {
		if at, err = v.reached(ctx, profilesView); err == nil {
			p, err = profiles.Get(ctx, v.db, c.scope(), id)
		}
		return at, err
	})
	if err != nil {
		return nil, err
	}
	held, err := s.settingsOfRow(ctx, p)
	if err != nil {
		return nil, err
	}
	settings, err := settingsOf(held)
	if err != nil {
		return nil, err
	}
	return GetConfigProfile200JSONResponse{ProfileDetails{Profile: profileOf(p), Settings: settings}, GetConfigProfile200ResponseHeaders(h)}, nil
}

// settingsOfRow are the settings of a profile that was read: those of now, or those of the edition that it had then.
func (s *server) settingsOfRow(ctx context.Context, p profiles.Profile) (profile.Settings, error) {
	c := callOf(ctx)
	if c.asOf != nil {
		return commands.ProfileEdition(ctx, s.Commands, c.actor.Tenant, p.ID, p.Edition)
	}
	now, err := s.profile(ctx, p.ID)
	return now.Settings(), err
}

// profile is the aggregate, if it is there and within the caller's reach.
func (s *server) profile(ctx context.Context, id domain.ProfileID) (profile.State, error) {
	c := callOf(ctx)
	var now profile.State
	err := commands.Inspect(ctx, s.Commands, profile.Stream(c.actor.Tenant, id), func(st profile.State, _ eventstore.Revision) { now = st })
	if err == nil && (!now.Exists() || !c.actor.Sees(now.Scope())) {
		err = domain.ErrNotFound
	}
	return now, err
}

func (s *server) CreateProfile(ctx context.Context, r CreateProfileRequestObject) (CreateProfileResponseObject, error) {
	c := callOf(ctx)
	rq := c.request()
	create := profile.Create{
		Tenant: c.actor.Tenant, Profile: domain.ProfileID(rq.NewID("profile").String()), Customer: c.actor.Customer, Name: r.Body.Name,
		Settings: profile.Defaults(), At: c.at,
	}
	if r.Body.Owner != nil {
		create.Customer = domain.CustomerID(*r.Body.Owner)
	}
	if r.Body.Settings != nil {
		change, err := s.settingsIn(ctx, rq.ID, create.Profile, *r.Body.Settings)
		if err != nil {
			return nil, err
		}
		create.Settings = change.Settings
	}
	res, err := commands.CreateProfile(ctx, s.Commands, rq, create)
	if err != nil {
		return nil, err
	}
	body, h := created("/profiles/", create.Profile, res)
	return CreateProfile201JSONResponse{body, CreateProfile201ResponseHeaders(h)}, nil
}

// CloneProfile copies all settings, and the secrets that they name.
func (s *server) CloneProfile(ctx context.Context, r CloneProfileRequestObject) (CloneProfileResponseObject, error) {
	c, of := callOf(ctx), domain.ProfileID(r.Id)
	original, err := s.profile(ctx, of)
	if err != nil {
		return nil, err
	}
	rq := c.request()
	clone := profile.Create{
		Tenant: c.actor.Tenant, Profile: domain.ProfileID(rq.NewID("profile").String()), Customer: original.Scope().Customer, Name: r.Body.Name,
		Settings: original.Settings(), ClonedOf: of, At: c.at,
	}
	if r.Body.Owner != nil {
		clone.Customer = domain.CustomerID(*r.Body.Owner)
	}
	for what, secret := range map[string]*profile.SecretID{"proxy": &clone.Settings.Updates.Proxy.Password, "lock": &clone.Settings.Lock.Password} {
		if *secret == "" {
			continue
		}
		copied := secrets.IDFor(rq.ID, what)
		if err := s.Secrets.Copy(ctx, c.actor.Tenant, *secret, copied, clone.Profile); err != nil {
			return nil, err
		}
		*secret = copied
	}
	res, err := commands.CreateProfile(ctx, s.Commands, rq, clone)
	if err != nil {
		return nil, err
	}
	body, h := created("/profiles/", clone.Profile, res)
	return CloneProfile201JSONResponse{body, CloneProfile201ResponseHeaders(h)}, nil
}

func (s *server) ChangeConfigProfile(ctx context.Context, r ChangeConfigProfileRequestObject) (ChangeConfigProfileResponseObject, error) {
	c, id := callOf(ctx), domain.ProfileID(r.Id)
	var res commands.Result
	var err error
	if r.Body.Owner != nil {
		res, err = commands.ChangeProfileOwner(ctx, s.Commands, c.request(), profile.ChangeOwner{
			Tenant: c.actor.Tenant, Profile: id, To: domain.CustomerID(*r.Body.Owner), At: c.at,
		})
	} else {
		res, err = commands.Do[profile.State](ctx, s.Commands, c.request(), profile.Rename{Tenant: c.actor.Tenant, Profile: id, Name: value(r.Body.Name), At: c.at})
	}
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return ChangeConfigProfile200JSONResponse{body, ChangeConfigProfile200ResponseHeaders(h)}, nil
}

func (s *server) DeleteProfile(ctx context.Context, r DeleteProfileRequestObject) (DeleteProfileResponseObject, error) {
	c, id := callOf(ctx), domain.ProfileID(r.Id)
	res, err := commands.Do[profile.State](ctx, s.Commands, c.request(), profile.Delete{Tenant: c.actor.Tenant, Profile: id, At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return DeleteProfile200JSONResponse{body, DeleteProfile200ResponseHeaders(h)}, nil
}
