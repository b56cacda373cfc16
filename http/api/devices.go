package api

import (
	"context"
	"errors"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections/devices"
	"avportal/projections/page"
	"avportal/projections/states"
)

const devicesView = "devices"

func (s *server) ListDevices(ctx context.Context, r ListDevicesRequestObject) (ListDevicesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	f := deviceFilter(p)
	if err := errors.Join(c.onlyNow("contact", len(f.Contact) > 0), c.onlyNow("sort", f.Sort == devices.ByLastSeen)); err != nil {
		return nil, err
	}
	v, err := s.read(ctx, devicesView, licensesView, profilesView)
	if err != nil {
		return nil, err
	}
	defer v.close()
	list, err := devices.List(ctx, v.db, c.scope(), v.at, f, page.Paging{Cursor: value(p.Cursor), Limit: value(p.Limit)})
	if err != nil {
		return nil, err
	}
	body := DeviceList{Items: each(list.Items, v.device), NextCursor: some(list.Next)}
	if err := s.showProfiles(ctx, v.db, list.Items, body.Items); err != nil {
		return nil, err
	}
	if value(p.Count) {
		total, err := devices.Total(ctx, v.db, c.scope(), v.at, f)
		if err != nil {
			return nil, err
		}
		body.Total = &total
	}
	return ListDevices200JSONResponse{body, ListDevices200ResponseHeaders{position(v.position)}}, nil
}

func deviceFilter(p ListDevicesParams) devices.Filter {
	sort, descending := order(value(p.Sort))
	return devices.Filter{
		Customer: domain.CustomerID(value(p.Customer)), License: domain.LicenseID(value(p.License)),
		Group: domain.GroupID(value(p.Group)), Subgroups: p.Subgroups == nil || *p.Subgroups,
		Infected: p.Infected, Pending: p.Pending,
		Protection: values[device.Protection](p.Protection), Signatures: values[states.Signatures](p.Signatures),
		Contact: values[states.Contact](p.Contact), Validity: values[states.Validity](p.LicenseState),
		OS: value(p.Os), Arch: value(p.Arch), ClientVersion: value(p.ClientVersion),
		Search: value(p.Q), Sort: devices.Sort(sort), Descending: descending,
	}
}

func (s *server) GetDevice(ctx context.Context, r GetDeviceRequestObject) (GetDeviceResponseObject, error) {
	c, id := callOf(ctx), domain.DeviceID(r.Id)
	var body DeviceDetails
	if !c.after.IsZero() {
		if _, err := s.contains(ctx, licensesView, profilesView); err != nil {
			return nil, err
		}
	}
	h, err := s.object(ctx, devicesView, device.Stream(c.actor.Tenant, id), func(v reading) (eventstore.Position, error) {
		d, err := devices.Get(ctx, v.db, c.scope(), v.at, id)
		if err != nil {
			return d.Position, err
		}
		shown := []Device{v.device(d.Device)}
		err = s.showProfiles(ctx, v.db, []devices.Device{d.Device}, shown)
		body = DeviceDetails{Device: shown[0], OpenThreats: each(d.OpenThreats, threatOf), Requests: each(d.Requests, requestOf)}
		return d.Position, err
	})
	if err != nil {
		return nil, err
	}
	return GetDevice200JSONResponse{body, GetDevice200ResponseHeaders(h)}, nil
}

func (r reading) device(d devices.Device) Device {
	out := Device{
		Id: string(d.ID), Hostname: d.Hostname, Label: d.Label, Customer: ref(d.Customer, d.CustomerName),
		License: ref(d.License, d.LicenseName), Group: ref(d.Group, d.GroupName), LicenseState: LicenseState(d.Validity),
		Ip: d.IP, Domain: d.Domain, Os: d.OS, OsVersion: d.OSVersion, Arch: d.Arch,
		ClientVersion: d.ClientVersion, Engine: d.Engine, EngineVersion: d.EngineVersion,
		SignatureVersion: d.SignatureVersion, SignatureDate: instant(d.SignatureDate), Signatures: Signatures(d.Signatures),
		Guards: guardsOf(d.Guards), Protection: Protection(d.Protection), Infected: d.Threats > 0, Threats: d.Threats,
		Contact: r.contact(d.Contact), LastSeen: instant(d.LastSeen), EnrolledAt: d.EnrolledAt,
		Pending: d.Pending, PendingKind: some(RequestKind(d.PendingKind)), PendingState: some(ActivityState(d.PendingState)),
	}
	if !d.LastScanAt.IsZero() {
		out.LastScan = &LastScan{FinishedAt: d.LastScanAt, Outcome: d.LastScanOutcome}
	}
	return out
}

func guardsOf(g device.Guards) Guards {
	one := func(g device.Guard) Guard {
		text, err := g.MarshalText()
		if err != nil {
			return Guard("absent") // a number that no device could have told
		}
		return Guard(text)
	}
	return Guards{
		Engine: one(g.Engine), Realtime: one(g.Realtime), Mail: one(g.Mail), Web: one(g.Web), Spam: one(g.Spam), Autoscan: one(g.Autoscan),
	}
}

func threatOf(t devices.Threat) Threat {
	return Threat{Id: t.ID, Name: t.Name, Path: t.Path, Action: t.Action, FoundAt: t.FoundAt}
}

func requestOf(r devices.Request) DeviceRequest {
	out := DeviceRequest{
		Id: string(r.ID), Kind: RequestKind(r.Kind), Profile: some(ScanProfile(r.Profile)), State: ActivityState(r.State),
		RequestedAt: r.RequestedAt, ExpiresAt: r.ExpiresAt, SentAt: instant(r.SentAt), StartedAt: instant(r.StartedAt), EndedAt: instant(r.EndedAt),
		Code: some(r.Code), Detail: some(r.Detail),
	}
	if r.State == device.Completed {
		out.Ok = &r.OK
		if r.Kind == device.Scan {
			out.Files, out.Infected, out.Errors = &r.Files, &r.Infected, &r.Errors
		}
	}
	return out
}
