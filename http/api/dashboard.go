package api

import (
	"context"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections/dashboard"
	"avportal/projections/devices"
	"avportal/projections/licenses"
	"avportal/projections/page"
	"avportal/projections/states"
	"avportal/projections/users"
)

const dashboardView = "dashboard"

// entriesOfTile is how many entries each tile lists unless the caller says otherwise.
const entriesOfTile = 10

func (s *server) GetDashboard(ctx context.Context, r GetDashboardRequestObject) (GetDashboardResponseObject, error) {
	c := callOf(ctx)
	views := []string{dashboardView, devicesView, licensesView}
	invitations := c.actor.Role.Allows(domain.ManageUsers) && c.reach != byLink
	if invitations {
		views = append(views, usersView)
	}
	v, err := s.read(ctx, views...)
	if err != nil {
		return nil, err
	}
	defer v.close()
	scope := c.scope()
	if id := domain.CustomerID(value(r.Params.Customer)); id != "" {
		if _, err := licenses.GetCustomer(ctx, v.db, scope, id); err != nil {
			return nil, err
		}
		scope.Customer = id
	}
	entries := entriesOfTile
	if r.Params.Entries != nil {
		entries = *r.Params.Entries
	}
	d, err := dashboard.Get(ctx, v.db, scope, v.at, entries)
	if err != nil {
		return nil, err
	}
	body := v.dashboard(d)
	if invitations {
		if body.ExpiredInvitations, err = v.expiredInvitations(ctx, scope, entries); err != nil {
			return nil, err
		}
	}
	return GetDashboard200JSONResponse{body, GetDashboard200ResponseHeaders{position(v.position)}}, nil
}

// expiredInvitations are those that nobody has accepted in time; as a rule there are none, and then one question is enough.
func (r reading) expiredInvitations(ctx context.Context, scope domain.Scope, entries int) (*ExpiredInvitations, error) {
	f := users.Filter{Statuses: []users.Status{users.Expired}, Sort: users.ByInvitedAt, Descending: true}
	total, err := users.Total(ctx, r.db, scope, r.at, f)
	out := &ExpiredInvitations{Total: total, Items: []User{}}
	if err != nil || total == 0 || entries == 0 {
		return out, err
	}
	list, err := users.List(ctx, r.db, scope, r.at, f, page.Paging{Limit: entries})
	out.Items = each(list.Items, userOf)
	return out, err
}

func (r reading) dashboard(d dashboard.Dashboard) Dashboard {
	l := d.Licenses
	return Dashboard{
		At: d.At.UTC(), Customers: d.Customers, Devices: r.deviceCounts(d.Devices),
		Licenses: LicenseCounts{
			Total: l.Total, Valid: l.Valid, Expiring: l.Expiring, Expired: l.Expired, NearlyUsedUp: l.NearlyUsedUp, UsedUp: l.UsedUp,
		},
		InfectedDevices: each(d.InfectedDevices, r.deviceEntry), OutdatedDevices: each(d.OutdatedDevices, r.deviceEntry),
		ExpiredLicenses: each(d.ExpiredLicenses, licenseEntryOf), ExpiringLicenses: each(d.ExpiringLicenses, licenseEntryOf),
	}
}

func (r reading) deviceCounts(n devices.Counts) DeviceCounts {
	c := DeviceCounts{Total: n.Devices, Infected: n.Infected, Threats: n.Threats}
	c.Signatures.Current = n.Signatures[states.SignaturesCurrent]
	c.Signatures.Warning = n.Signatures[states.SignaturesWarning]
	c.Signatures.Outdated = n.Signatures[states.SignaturesOutdated]
	c.Signatures.Critical = n.Signatures[states.SignaturesCritical]
	c.Signatures.Unknown = n.Signatures[states.SignaturesUnknown]
	if r.past == nil {
		c.Contact = &ContactCounts{
			Online: n.Contact[states.Online], Offline: n.Contact[states.Offline], Silent: n.Contact[states.Silent], Stale: n.Contact[states.Stale],
		}
	}
	c.Protection.Green, c.Protection.Yellow = n.Protection[device.Green], n.Protection[device.Yellow]
	c.Protection.Red, c.Protection.Unknown = n.Protection[device.Red], n.Protection[device.Unknown]
	return c
}

func (r reading) deviceEntry(d devices.Device) DeviceEntry {
	return DeviceEntry{
		Id: string(d.ID), Hostname: d.Hostname, Label: d.Label, Customer: ref(d.Customer, d.CustomerName), License: ref(d.License, d.LicenseName),
		Infected: d.Threats > 0, Threats: d.Threats, Signatures: Signatures(d.Signatures), SignatureDate: instant(d.SignatureDate),
		Contact: r.contact(d.Contact), LastSeen: instant(d.LastSeen),
	}
}

func licenseEntryOf(l licenses.License) LicenseEntry {
	return LicenseEntry{
		Id: string(l.ID), Name: l.Name, Customer: ref(l.Customer, l.CustomerName), State: LicenseState(l.State),
		ValidUntil: instant(l.ValidUntil), Seats: l.Seats, Used: l.Used,
	}
}
