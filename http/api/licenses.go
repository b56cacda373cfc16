package api

import (
	"context"
	"crypto/rand"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/projections/licenses"
	"avportal/projections/page"
	"avportal/projections/states"
)

const licensesView = "licenses"

func (s *server) ListLicenses(ctx context.Context, r ListLicensesRequestObject) (ListLicensesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	v, err := s.read(ctx, licensesView, devicesView)
	if err != nil {
		return nil, err
	}
	defer v.close()
	f := licenseFilter(p)
	list, err := licenses.List(ctx, v.db, c.scope(), v.at, f, page.Paging{Cursor: value(p.Cursor), Limit: value(p.Limit)})
	if err != nil {
		return nil, err
	}
	body := LicenseList{Items: each(list.Items, licenseOf), NextCursor: some(list.Next)}
	if value(p.Count) {
		total, err := licenses.Total(ctx, v.db, c.scope(), v.at, f)
		if err != nil {
			return nil, err
		}
		body.Total = &total
	}
	return ListLicenses200JSONResponse{body, ListLicenses200ResponseHeaders{position(v.position)}}, nil
}

// licenseFilter is what the list of licenses is asked for.
func licenseFilter(p ListLicensesParams) licenses.Filter {
	sort, descending := order(value(p.Sort))
	return licenses.Filter{
		Customer: domain.CustomerID(value(p.Customer)), Kinds: values[license.Kind](p.Kind), States: values[states.Validity](p.State),
		Seats: values[states.Seats](p.SeatsState), Search: value(p.Q), Sort: licenses.Sort(sort), Descending: descending,
	}
}

func (s *server) GetLicense(ctx context.Context, r GetLicenseRequestObject) (GetLicenseResponseObject, error) {
	c, id := callOf(ctx), domain.LicenseID(r.Id)
	var l licenses.License
	h, err := s.object(ctx, licensesView, license.Stream(c.actor.Tenant, id), func(v reading) (at eventstore.Position, err error) {
		if at, err = v.reached(ctx, licensesView); err == nil {
			l, err = licenses.Get(ctx, v.db, c.scope(), v.at, id)
		}
		return at, err
	})
	if err != nil {
		return nil, err
	}
	body := licenseOf(l)
	if c.actor.Role.Allows(domain.ManageDevices) { // the TID lets devices in
		body.Tid = some(string(l.TID))
	}
	return GetLicense200JSONResponse{body, GetLicense200ResponseHeaders(h)}, nil
}

func licenseOf(l licenses.License) License {
	return License{
		Id: string(l.ID), Name: l.Name, Customer: ref(l.Customer, l.CustomerName), Kind: LicenseKind(l.Kind),
		Seats: l.Seats, Used: l.Used, TermYears: l.TermYears, ValidFrom: l.ValidFrom, ValidUntil: instant(l.ValidUntil),
		State: LicenseState(l.State), SeatsState: SeatsState(l.SeatsState), Devices: l.Devices, InfectedDevices: l.Infected,
	}
}

func (s *server) ImportLicense(ctx context.Context, r ImportLicenseRequestObject) (ImportLicenseResponseObject, error) {
	c, b := callOf(ctx), r.Body
	rq := c.request()
	id := domain.LicenseID(value(b.Id))
	if id == "" {
		id = domain.LicenseID(rq.NewID("license").String())
	}
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	res, err := commands.ImportLicense(ctx, s.Commands, rq, license.Import{
		Tenant: c.actor.Tenant, License: id, Customer: domain.CustomerID(b.Customer), Name: b.Name,
		Key: domain.NewTID(c.actor.Tenant, id, random), Kind: license.Kind(b.Kind), Seats: b.Seats, TermYears: int(value(b.TermYears)),
		ValidFrom: b.ValidFrom, ValidUntil: value(b.ValidUntil), At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := created("/licenses/", id, res)
	if isNew(res) {
		return ImportLicense201JSONResponse{body, ImportLicense201ResponseHeaders(h)}, nil
	}
	return ImportLicense200JSONResponse{body, ImportLicense200ResponseHeaders(h)}, nil
}

func (s *server) ChangeLicense(ctx context.Context, r ChangeLicenseRequestObject) (ChangeLicenseResponseObject, error) {
	c, id := callOf(ctx), domain.LicenseID(r.Id)
	var rename, seats domain.Command[license.State]
	if r.Body.Name != nil {
		rename = license.Rename{Tenant: c.actor.Tenant, License: id, Name: *r.Body.Name, At: c.at}
	}
	if r.Body.Seats != nil {
		seats = license.ChangeSeats{Tenant: c.actor.Tenant, License: id, Seats: *r.Body.Seats, At: c.at}
	}
	res, err := commands.Do(ctx, s.Commands, c.request(), join(rename, seats))
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return ChangeLicense200JSONResponse{body, ChangeLicense200ResponseHeaders(h)}, nil
}

func (s *server) RenewLicense(ctx context.Context, r RenewLicenseRequestObject) (RenewLicenseResponseObject, error) {
	c, id := callOf(ctx), domain.LicenseID(r.Id)
	res, err := commands.Do[license.State](ctx, s.Commands, c.request(), license.Renew{
		Tenant: c.actor.Tenant, License: id, TermYears: int(value(r.Body.TermYears)), ValidUntil: value(r.Body.ValidUntil), At: c.at,
	})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return RenewLicense200JSONResponse{body, RenewLicense200ResponseHeaders(h)}, nil
}

// Choices of an installer; the first is the default.
var (
	architectures = []string{"x64", "x86"}
	downloadTypes = []string{"msi_configured", "zip", "config", "msi"}
)

// GetDownloadChoices answers what a person chooses from before an installer is made. An expired license has none.
func (s *server) GetDownloadChoices(ctx context.Context, r GetDownloadChoicesRequestObject) (GetDownloadChoicesResponseObject, error) {
	c, id, language := callOf(ctx), domain.LicenseID(r.Id), languageOf(ctx)
	reached, err := s.contains(ctx, licensesView) // of today: there is nothing to install in the past
	if err != nil {
		return nil, err
	}
	l, err := licenses.Get(ctx, s.Readers, c.scope(), c.at, id)
	if err != nil {
		return nil, err
	}
	if l.State == states.Expired {
		return nil, domain.ErrLicenseExpired
	}
	named := func(kind string) func(string) Choice {
		return func(code string) Choice { return Choice{Code: code, Name: language.Name(kind, code)} }
	}
	body := DownloadChoices{License: ref(l.ID, l.Name), Architectures: each(architectures, named("architecture")), Types: each(downloadTypes, named("download"))}
	for cursor := ""; ; {
		tree, err := licenses.Groups(ctx, s.Readers, c.scope(), licenses.GroupFilter{License: id}, page.Paging{Cursor: cursor, Limit: page.MaxLimit})
		if err != nil {
			return nil, err
		}
		body.Groups = append(body.Groups, each(tree.Items, func(g licenses.Group) DownloadGroup {
			return DownloadGroup{Id: string(g.ID), Name: g.Name, Main: g.Parent == "", Depth: g.Depth, Parent: some(string(g.Parent))}
		})...)
		if cursor = tree.Next; cursor == "" {
			return GetDownloadChoices200JSONResponse{body, GetDownloadChoices200ResponseHeaders{position(reached)}}, nil
		}
	}
}
