package commands_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
)

// late is when the license of the test has expired.
var late = now.AddDate(0, 7, 0)

// attempt carries out one command after the license has expired.
type attempt func(ctx context.Context, h *commands.Handler, actor domain.Actor) error

func by[S domain.State[S]](c domain.Command[S]) attempt {
	return func(ctx context.Context, h *commands.Handler, actor domain.Actor) error {
		_, err := commands.Do(ctx, h, commands.Request{Actor: actor, At: late, ID: uuid.New()}, c)
		return err
	}
}

// Every command on what lives under a license, and whether it is refused once the license has expired: all but renewal, what a
// client says of itself, and giving seats back. A command without a row fails the test.
func TestEveryCommandOnAnExpiredLicense(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 5)
	d, leaving := b.enroll(tid), b.enroll(tid)
	main := domain.NewGroupID("l1", "main")
	sub := domain.NewGroupID("l1", "sub")
	must(commands.Do[group.State](t.Context(), b.h, request(admin()), group.Create{Tenant: tenant, Group: sub, Parent: main, Name: "Sub", At: now}))(t)
	scan, update := device.RequestID(uuid.NewString()), device.RequestID(uuid.NewString())
	must(commands.Do[device.State](t.Context(), b.h, request(admin()), device.RequestScan{Tenant: tenant, Device: d, Request: scan, Profile: device.ProfileQuick, At: late.AddDate(0, 0, -1)}))(t)
	must(commands.Do[device.State](t.Context(), b.h, request(admin()), device.RequestUpdate{Tenant: tenant, Device: d, Request: update, At: late.AddDate(0, 0, -1)}))(t)

	refused := map[string]attempt{
		"license.Rename":        by[license.State](license.Rename{Tenant: tenant, License: "l1", Name: "x", At: late}),
		"license.ChangeSeats":   by[license.State](license.ChangeSeats{Tenant: tenant, License: "l1", Seats: 9, At: late}),
		"license.Activate":      by[license.State](license.Activate{Tenant: tenant, License: "l1", Device: "d9", Group: main, At: late}),
		"group.Create":          by[group.State](group.Create{Tenant: tenant, Group: domain.NewGroupID("l1", "new"), Parent: main, Name: "New", At: late}),
		"group.Rename":          by[group.State](group.Rename{Tenant: tenant, Group: sub, Name: "x", At: late}),
		"group.Move":            by[group.State](group.Move{Tenant: tenant, Group: sub, To: main, At: late}),
		"group.Delete":          by[group.State](group.Delete{Tenant: tenant, Group: sub, At: late}),
		"group.AddDevice":       by[group.State](group.AddDevice{Tenant: tenant, Group: main, Device: "d9", At: late}),
		"group.MoveDevice":      by[group.State](group.MoveDevice{Tenant: tenant, Device: d, To: sub, At: late}),
		"device.Move":           by[device.State](device.Move{Tenant: tenant, Device: d, ToGroup: sub, ToCustomer: "c-l1", At: late}),
		"device.Relabel":        by[device.State](device.Relabel{Tenant: tenant, Device: d, Label: "x", At: late}),
		"device.RequestScan":    by[device.State](device.RequestScan{Tenant: tenant, Device: d, Request: device.RequestID(uuid.NewString()), Profile: device.ProfileFull, At: late}),
		"device.RequestUpdate":  by[device.State](device.RequestUpdate{Tenant: tenant, Device: leaving, Request: device.RequestID(uuid.NewString()), At: late}),
		"device.RequestLog":     by[device.State](device.RequestLog{Tenant: tenant, Device: d, Request: device.RequestID(uuid.NewString()), Consented: true, At: late}),
		"device.RequestProfile": by[device.State](device.RequestProfile{Tenant: tenant, Device: d, Request: device.RequestID(uuid.NewString()), Configuration: device.Configuration{Profile: "p1", Edition: 1}, At: late}),
		"group.ChooseProfile":   by[group.State](group.ChooseProfile{Tenant: tenant, Group: main, To: "p1", Link: "k1", At: late}),
		"device.Cancel":         by[device.State](device.Cancel{Tenant: tenant, Device: d, Request: update, At: late}),
		"device.Enroll": func(ctx context.Context, h *commands.Handler, _ domain.Actor) error { // which begins with a seat
			_, _, err := commands.EnrollDevice(ctx, h, commands.Request{At: late, ID: uuid.New()}, commands.Enrollment{TID: string(tid), GUID: uuid.NewString()})
			return err
		},
	}
	allowed := map[string]attempt{ // with what is left to do then
		"license.Import": by[license.State](license.Import{
			Tenant: tenant, License: "l1", Customer: "c-l1", Name: "License l1", Key: tid, Kind: license.Purchase, Seats: 5, TermYears: 1,
			ValidFrom: now.AddDate(0, -6, 0), ValidUntil: now.AddDate(0, 6, 0), At: late,
		}),
		"group.CreateMain":   by[group.State](group.CreateMain{Tenant: tenant, Customer: "c-l1", License: "l1", Name: "x", At: late}),
		"group.RemoveDevice": by[group.State](group.RemoveDevice{Tenant: tenant, License: "l1", Device: leaving, At: late}),
		"license.Release":    by[license.State](license.Release{Tenant: tenant, License: "l1", Device: leaving, At: late}),
		"device.Remove":      by[device.State](device.Remove{Tenant: tenant, Device: leaving, At: late}),
		"device.Observe":     asClient(d, by[device.Telemetry](device.Observe{Tenant: tenant, Device: d, Facts: device.Facts{Hostname: "x"}, At: late})),
		"device.Report":      asClient(d, by[device.State](device.Report{Tenant: tenant, Device: d, At: late})),
		"device.MarkSent":    asClient(d, by[device.State](device.MarkSent{Tenant: tenant, Device: d, Request: scan, At: late})),
		"device.MarkStarted": asClient(d, by[device.State](device.MarkStarted{Tenant: tenant, Device: d, Request: scan, At: late})),
		"device.Complete":    asClient(d, by[device.State](device.Complete{Tenant: tenant, Device: d, Request: scan, OK: true, Code: "done", At: late})),
		"device.DownloadLog": by[device.State](device.DownloadLog{Tenant: tenant, Device: d, Request: scan, At: late}),
		"device.Expire":      asSystem(by[device.State](device.Expire{Tenant: tenant, Device: d, At: late.Add(72 * time.Hour)})),
	}
	last := by[license.State](license.Renew{Tenant: tenant, License: "l1", TermYears: 1, ValidUntil: late.AddDate(1, 0, 0), At: late})

	for _, command := range commandsUnderALicense(t) {
		refuse, allow := refused[command], allowed[command]
		if refuse == nil && allow == nil && command != "license.Renew" {
			t.Errorf("%s has no row: is it refused once the license has expired?", command)
		}
	}
	before := len(b.log())
	for name, try := range refused {
		if err := try(t.Context(), b.h, admin()); !errors.Is(err, domain.ErrLicenseExpired) {
			t.Errorf("%s on an expired license: %v", name, err)
		}
	}
	if n := len(b.log()); n != before {
		t.Errorf("refused commands have left %d events", n-before)
	}
	for name, try := range allowed {
		if err := try(t.Context(), b.h, admin()); errors.Is(err, domain.ErrLicenseExpired) || errors.Is(err, domain.ErrForbidden) {
			t.Errorf("%s on an expired license: %v", name, err)
		}
	}
	if err := last(t.Context(), b.h, admin()); err != nil {
		t.Errorf("renewal: %v", err)
	}
	if err := refused["device.Relabel"](t.Context(), b.h, admin()); err != nil {
		t.Errorf("after the renewal: %v", err)
	}
}

func asClient(d domain.DeviceID, try attempt) attempt {
	return func(ctx context.Context, h *commands.Handler, _ domain.Actor) error {
		return try(ctx, h, domain.DeviceActor(d, domain.Scope{Tenant: tenant, Customer: "c-l1"}))
	}
}

func asSystem(try attempt) attempt {
	return func(ctx context.Context, h *commands.Handler, _ domain.Actor) error {
		return try(ctx, h, domain.SystemActor("test", tenant))
	}
}

// commandsUnderALicense lists the commands of aggregates that are a license or live under one, from their source.
func commandsUnderALicense(t *testing.T) (found []string) {
	t.Helper()
	packages, err := filepath.Glob(filepath.Join("..", "domain", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range packages {
		name := filepath.Base(dir)
		licensed := name == "license"
		var all []string
		files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok || f.Recv == nil {
					continue
				}
				of, _ := f.Recv.List[0].Type.(*ast.Ident)
				switch {
				case of == nil:
				case f.Name.Name == "License" && of.Name == "State":
					licensed = true
				case f.Name.Name == "Decide":
					all = append(all, name+"."+of.Name)
				}
			}
		}
		if licensed {
			found = append(found, all...)
		}
	}
	if len(found) < 20 {
		t.Fatalf("only %q were found", found)
	}
	return found
}
