package api

import (
	"bufio"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/http/api/sheet"
	"avportal/http/texts"
	"avportal/projections/devices"
	"avportal/projections/licenses"
	"avportal/projections/page"
)

// column is one that a table may have: its code, by which its title is found, and its cell in a row.
type column[Row any] struct {
	code string
	cell func(texts.Language, Row) any
}

// chosen picks columns in the order asked for; all for none.
func chosen[Row any, Code ~string](all []column[Row], codes *[]Code) []column[Row] {
	if codes == nil {
		return all
	}
	var out []column[Row]
	for _, code := range *codes {
		for _, c := range all {
			if c.code == string(code) {
				out = append(out, c)
			}
		}
	}
	return out
}

// Kinds of files.
const (
	csvFile   = "text/csv; charset=utf-8; header=present"
	excelFile = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	linesFile = "application/x-ndjson"
)

// tableOf is a download of rows as a sheet; closed is called when they have been read.
func tableOf[Row any](ctx context.Context, s *server, name, format string, columns []column[Row], closed func(), rows iter.Seq2[Row, error]) download {
	l := languageOf(ctx)
	d := download{s: s, ctx: ctx, closed: closed, kind: csvFile, name: fileName(name, callOf(ctx).at, format)}
	if format == "xlsx" {
		d.kind = excelFile
	}
	d.fill = func(ctx context.Context, out *bufio.Writer) error {
		w, err := sheet.NewCSV(out, l)
		if format == "xlsx" {
			w, err = sheet.NewExcel(out, l.Name("sheet", name))
		}
		if err != nil {
			return err
		}
		cells := make([]any, len(columns))
		for i, c := range columns {
			cells[i] = l.Name("column", c.code)
		}
		if err := w.Row(cells); err != nil {
			return err
		}
		for row, err := range rows {
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			for i, c := range columns {
				cells[i] = c.cell(l, row)
			}
			if err := w.Row(cells); err != nil {
				return err
			}
		}
		return w.Close()
	}
	return d
}

// fileName is what a file is called unless the caller has a better idea.
func fileName(name string, at time.Time, ending string) string {
	return name + "-" + at.UTC().Format(time.DateOnly) + "." + ending
}

// pages yields all rows of a list.
func pages[Row any](next func(cursor string) ([]Row, string, error)) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for cursor := ""; ; {
			rows, after, err := next(cursor)
			if err != nil {
				var none Row
				yield(none, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if cursor = after; cursor == "" {
				return
			}
		}
	}
}

func (s *server) ExportLicenses(ctx context.Context, r ExportLicensesRequestObject) (ExportLicensesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	v, err := s.read(ctx, licensesView, devicesView)
	if err != nil {
		return nil, err
	}
	f := licenseFilter(ListLicensesParams{Q: p.Q, Customer: p.Customer, Kind: p.Kind, State: p.State, SeatsState: p.SeatsState, Sort: p.Sort})
	return tableOf(ctx, s, "licenses", string(p.Format), chosen(licenseColumns, p.Columns), v.close, pages(func(cursor string) ([]licenses.License, string, error) {
		list, err := licenses.List(ctx, v.db, c.scope(), v.at, f, page.Paging{Cursor: cursor, Limit: page.MaxLimit})
		return list.Items, list.Next, err
	})), nil
}

var licenseColumns = []column[licenses.License]{
	{"id", func(_ texts.Language, r licenses.License) any { return string(r.ID) }},
	{"name", func(_ texts.Language, r licenses.License) any { return r.Name }},
	{"customer", func(_ texts.Language, r licenses.License) any { return r.CustomerName }},
	{"kind", func(l texts.Language, r licenses.License) any { return l.Name("license_kind", string(r.Kind)) }},
	{"seats", func(_ texts.Language, r licenses.License) any { return r.Seats }},
	{"used", func(_ texts.Language, r licenses.License) any { return r.Used }},
	{"seats_state", func(l texts.Language, r licenses.License) any { return l.Name("seats", string(r.SeatsState)) }},
	{"term_years", func(_ texts.Language, r licenses.License) any {
		if r.Kind == license.MSP {
			return ""
		}
		return r.TermYears
	}},
	{"valid_from", func(_ texts.Language, r licenses.License) any { return r.ValidFrom }},
	{"valid_until", func(_ texts.Language, r licenses.License) any { return r.ValidUntil }},
	{"state", func(l texts.Language, r licenses.License) any { return l.Name("validity", string(r.State)) }},
	{"devices", func(_ texts.Language, r licenses.License) any { return r.Devices }},
	{"infected_devices", func(_ texts.Language, r licenses.License) any { return r.Infected }},
}

func (s *server) ExportDevices(ctx context.Context, r ExportDevicesRequestObject) (ExportDevicesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	f := deviceFilter(ListDevicesParams{
		Q: p.Q, Customer: p.Customer, License: p.License, Group: p.Group, Subgroups: p.Subgroups, Infected: p.Infected, Signatures: p.Signatures,
		Contact: p.Contact, Protection: p.Protection, LicenseState: p.LicenseState, Pending: p.Pending, Os: p.Os, Arch: p.Arch,
		ClientVersion: p.ClientVersion, Sort: p.Sort,
	})
	columns := chosen(deviceColumns, p.Columns)
	ofNow := func(c column[devices.Device]) bool { return c.code == "contact" || c.code == "last_seen" }
	if err := errors.Join(c.onlyNow("contact", len(f.Contact) > 0), c.onlyNow("sort", f.Sort == devices.ByLastSeen),
		c.onlyNow("columns", p.Columns != nil && slices.ContainsFunc(columns, ofNow))); err != nil {
		return nil, err
	}
	v, err := s.read(ctx, devicesView)
	if err != nil {
		return nil, err
	}
	if v.past != nil {
		columns = slices.DeleteFunc(slices.Clone(columns), ofNow)
	}
	return tableOf(ctx, s, "devices", string(p.Format), columns, v.close, pages(func(cursor string) ([]devices.Device, string, error) {
		list, err := devices.List(ctx, v.db, c.scope(), v.at, f, page.Paging{Cursor: cursor, Limit: page.MaxLimit})
		return list.Items, list.Next, err
	})), nil
}

var deviceColumns = []column[devices.Device]{
	{"id", func(_ texts.Language, d devices.Device) any { return string(d.ID) }},
	{"hostname", func(_ texts.Language, d devices.Device) any { return d.Hostname }},
	{"label", func(_ texts.Language, d devices.Device) any { return d.Label }},
	{"customer", func(_ texts.Language, d devices.Device) any { return d.CustomerName }},
	{"license", func(_ texts.Language, d devices.Device) any { return d.LicenseName }},
	{"license_state", func(l texts.Language, d devices.Device) any { return l.Name("validity", string(d.Validity)) }},
	{"valid_until", func(_ texts.Language, d devices.Device) any { return d.ValidUntil }},
	{"group", func(_ texts.Language, d devices.Device) any { return d.GroupName }},
	{"ip", func(_ texts.Language, d devices.Device) any { return d.IP }},
	{"domain", func(_ texts.Language, d devices.Device) any { return d.Domain }},
	{"os", func(_ texts.Language, d devices.Device) any { return d.OS }},
	{"os_version", func(_ texts.Language, d devices.Device) any { return d.OSVersion }},
	{"arch", func(_ texts.Language, d devices.Device) any { return d.Arch }},
	{"client_version", func(_ texts.Language, d devices.Device) any { return d.ClientVersion }},
	{"engine", func(_ texts.Language, d devices.Device) any { return d.Engine }},
	{"engine_version", func(_ texts.Language, d devices.Device) any { return d.EngineVersion }},
	{"signature_version", func(_ texts.Language, d devices.Device) any { return d.SignatureVersion }},
	{"signature_date", func(_ texts.Language, d devices.Device) any { return d.SignatureDate }},
	{"signatures", func(l texts.Language, d devices.Device) any { return l.Name("signatures", string(d.Signatures)) }},
	{"protection", func(l texts.Language, d devices.Device) any { return l.Name("protection", string(d.Protection)) }},
	{"engine_guard", guardCell(func(g device.Guards) device.Guard { return g.Engine })},
	{"realtime", guardCell(func(g device.Guards) device.Guard { return g.Realtime })},
	{"mail", guardCell(func(g device.Guards) device.Guard { return g.Mail })},
	{"web", guardCell(func(g device.Guards) device.Guard { return g.Web })},
	{"spam", guardCell(func(g device.Guards) device.Guard { return g.Spam })},
	{"autoscan", guardCell(func(g device.Guards) device.Guard { return g.Autoscan })},
	{"threats", func(_ texts.Language, d devices.Device) any { return d.Threats }},
	{"last_scan", func(_ texts.Language, d devices.Device) any { return d.LastScanAt }},
	{"last_scan_outcome", func(l texts.Language, d devices.Device) any { return nameOf(l, "outcome", d.LastScanOutcome) }},
	{"contact", func(l texts.Language, d devices.Device) any { return l.Name("contact", string(d.Contact)) }},
	{"last_seen", func(_ texts.Language, d devices.Device) any { return d.LastSeen }},
	{"pending", func(_ texts.Language, d devices.Device) any { return d.Pending }},
	{"pending_kind", func(l texts.Language, d devices.Device) any { return nameOf(l, "request", string(d.PendingKind)) }},
	{"pending_state", func(l texts.Language, d devices.Device) any { return nameOf(l, "state", string(d.PendingState)) }},
	{"enrolled_at", func(_ texts.Language, d devices.Device) any { return d.EnrolledAt }},
}

func guardCell(pick func(device.Guards) device.Guard) func(texts.Language, devices.Device) any {
	return func(l texts.Language, d devices.Device) any {
		code, err := pick(d.Guards).MarshalText()
		if err != nil {
			return "" // a number that no device could have told
		}
		return l.Name("guard", string(code))
	}
}

// nameOf is a name of what may be missing.
func nameOf(l texts.Language, kind, code string) string {
	if code == "" {
		return ""
	}
	return l.Name(kind, code)
}
