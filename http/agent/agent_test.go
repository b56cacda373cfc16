package agent_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/http/agent"
	"avportal/http/agent/wire"
	"avportal/http/secrets"
	"avportal/http/vault"
	"avportal/projections/live"
	"avportal/projections/postgres/postgrestest"
)

const tenant domain.Tenant = "0123456789abcdef0123456789abcdef"

// bench is the device API on a real Postgres and a store in memory.
type bench struct {
	*testing.T
	store   *memory.Store
	h       *commands.Handler
	server  *httptest.Server
	tid     domain.TID
	secrets *secrets.Vault
	logs    *live.Logs
}

func setup(t *testing.T, seats int) *bench {
	t.Helper()
	b := &bench{T: t, store: memory.New(catalog.Registry())}
	b.h = commands.New(b.store)
	db := postgrestest.Pool(t)
	credentials, err := agent.NewCredentials(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if b.secrets, err = secrets.New(t.Context(), db, postgresKey(t)); err != nil {
		t.Fatal(err)
	}
	if err := live.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	b.logs = live.NewLogs(db)
	handler, err := agent.New(agent.Config{
		Commands: b.h, Credentials: credentials, Secrets: b.secrets, Logs: b.logs, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Seen: func(domain.Tenant, domain.DeviceID, time.Time) {}, DevicesPerSecond: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.server = httptest.NewServer(handler)
	t.Cleanup(b.server.Close)
	b.tid = b.license("l1", seats, time.Now().AddDate(0, 6, 0))
	return b
}

// postgresKey seals what Postgres keeps.
func postgresKey(t *testing.T) *vault.Key {
	t.Helper()
	key, err := vault.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func admin() commands.Request {
	return commands.Request{
		Actor: domain.Actor{Kind: domain.ActorUser, ID: "u1", Role: domain.ResellerAdmin, Tenant: tenant}, At: time.Now(), ID: uuid.New(),
	}
}

func (b *bench) license(id domain.LicenseID, seats int, until time.Time) domain.TID {
	b.Helper()
	owner := domain.CustomerID("c-" + string(id))
	if _, err := commands.Do[customer.State](b.Context(), b.h, admin(), customer.Import{Tenant: tenant, Customer: owner, Name: "C", At: time.Now()}); err != nil {
		b.Fatal(err)
	}
	tid := domain.NewTID(tenant, id, [10]byte{9})
	_, err := commands.ImportLicense(b.Context(), b.h, admin(), license.Import{
		Tenant: tenant, License: id, Customer: owner, Name: "L", Key: tid, Kind: license.Purchase, Seats: seats, TermYears: 1,
		ValidFrom: until.AddDate(-1, 0, 0), ValidUntil: until, At: time.Now(),
	})
	if err != nil {
		b.Fatal(err)
	}
	return tid
}

// client is a device at the other end of the wire.
type client struct {
	*bench
	guid string
	cred wire.Credential
}

func (b *bench) client() *client {
	id := uuid.New()
	return &client{bench: b, guid: uuid.NewString(), cred: wire.Credential{Secret: [32]byte(append(id[:], id[:]...))}}
}

// call sends JSON (or, as a string, anything) and gives the status and the body.
func (c *client) call(method, path string, body, into any) (int, wire.Problem) {
	c.Helper()
	payload, raw := body.(string)
	if !raw && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			c.Fatal(err)
		}
		payload = string(b)
	}
	rq, err := http.NewRequestWithContext(c.Context(), method, c.server.URL+path, bytes.NewBufferString(payload))
	if err != nil {
		c.Fatal(err)
	}
	if c.cred.DeviceID != "" {
		rq.Header.Set("Authorization", c.cred.Header())
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		c.Fatal(err)
	}
	defer rs.Body.Close()
	content, err := io.ReadAll(rs.Body)
	if err != nil {
		c.Fatal(err)
	}
	var p wire.Problem
	if rs.StatusCode >= 400 {
		if err := json.Unmarshal(content, &p); err != nil || p.Code == "" || rs.Header.Get("Content-Type") != wire.ContentTypeProblem {
			c.Errorf("%s %s: %d is not a problem document: %q", method, path, rs.StatusCode, content)
		}
	} else if into != nil {
		if err := json.Unmarshal(content, into); err != nil {
			c.Fatalf("%s %s: %v in %q", method, path, err, content)
		}
	}
	return rs.StatusCode, p
}

func (c *client) enrollment() wire.EnrollRequest {
	return wire.EnrollRequest{TID: string(c.tid), DeviceGUID: c.guid, SecretHash: wire.HashSecret(c.cred.Secret), Facts: wire.Facts{Hostname: "pc-1"}}
}

func (c *client) enroll() *client {
	c.Helper()
	var answer wire.Enrolled
	if status, p := c.call(http.MethodPost, wire.EnrollPath, c.enrollment(), &answer); status != http.StatusCreated {
		c.Fatalf("enroll: %d %+v", status, p)
	}
	c.cred.DeviceID = answer.DeviceID
	return c
}

func (c *client) report(threats ...wire.Threat) wire.Report {
	return wire.Report{
		ID: ulid.Make().String(), At: time.Now(), Facts: wire.Facts{Hostname: "pc-1", OS: "Debian"},
		Guards: wire.Guards{wire.GuardEngine: true}, Threats: threats, ThreatsComplete: true,
	}
}

func (b *bench) types() (types []string) {
	b.Helper()
	for r, err := range b.store.ReadAll(b.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			b.Fatal(err)
		}
		types = append(types, r.Type)
	}
	return types
}

func count(types []string, want string) (n int) {
	for _, t := range types {
		if t == want {
			n++
		}
	}
	return n
}

func (c *client) expect(what string, status int, p wire.Problem, wantStatus int, wantCode string) {
	c.Helper()
	if status != wantStatus || p.Code != wantCode {
		c.Errorf("%s: %d %q, want %d %q", what, status, p.Code, wantStatus, wantCode)
	}
}

func TestEnrollment(t *testing.T) {
	b := setup(t, 2)
	c := b.client().enroll()
	first := c.cred.DeviceID
	if c.enroll(); c.cred.DeviceID != first || count(b.types(), "device.enrolled") != 1 {
		t.Errorf("repeating it made another device: %v", b.types())
	}
	thief := b.client()
	thief.guid = c.guid
	status, p := thief.call(http.MethodPost, wire.EnrollPath, thief.enrollment(), nil)
	thief.expect("known guid, other secret", status, p, http.StatusConflict, wire.CodeGUIDConflict)

	b.client().enroll()
	late := b.client()
	status, p = late.call(http.MethodPost, wire.EnrollPath, late.enrollment(), nil)
	late.expect("no seat left", status, p, http.StatusForbidden, wire.CodeNoSeats)

	for name, change := range map[string]struct {
		change func(*wire.EnrollRequest)
		status int
		code   string
	}{
		"typing error": {func(e *wire.EnrollRequest) { e.TID = e.TID[:10] + "A" + e.TID[11:] + "A" }, 400, domain.ErrMalformedTID.Code},
		"unknown TID":  {func(e *wire.EnrollRequest) { e.TID = string(domain.NewTID(tenant, "l1", [10]byte{1})) }, 403, wire.CodeUnknownTID},
		"no guid":      {func(e *wire.EnrollRequest) { e.DeviceGUID = "" }, 400, wire.CodeInvalidRequest},
		"no hash":      {func(e *wire.EnrollRequest) { e.SecretHash = "abc" }, 400, wire.CodeInvalidRequest},
		"other group":  {func(e *wire.EnrollRequest) { e.Group = "l2.main" }, 422, wire.CodeUnknownGroup},
		"expired":      {func(e *wire.EnrollRequest) { e.TID = string(b.license("l9", 5, time.Now().Add(-time.Hour))) }, 403, wire.CodeLicenseExpired},
	} {
		c := b.client()
		e := c.enrollment()
		change.change(&e)
		status, p := c.call(http.MethodPost, wire.EnrollPath, e, nil)
		c.expect(name, status, p, change.status, change.code)
	}
	if n := count(b.types(), "device.enrolled"); n != 2 {
		t.Errorf("%d devices enrolled, want 2", n)
	}
}

func TestOnlyTheDeviceItselfMayReport(t *testing.T) {
	b := setup(t, 5)
	c, other := b.client().enroll(), b.client().enroll()
	for name, cred := range map[string]wire.Credential{
		"none":                  {},
		"unknown device":        {DeviceID: "nobody", Secret: c.cred.Secret},
		"another's secret":      {DeviceID: c.cred.DeviceID, Secret: other.cred.Secret},
		"an empty secret":       {DeviceID: c.cred.DeviceID},
		"another tenant's form": {DeviceID: c.cred.DeviceID + "x", Secret: c.cred.Secret},
	} {
		x := &client{bench: b, cred: cred}
		status, p := x.call(http.MethodPost, wire.ReportsPath, c.report(), nil)
		x.expect(name, status, p, http.StatusUnauthorized, wire.CodeUnauthorized)
	}
}

func TestReportsTellWhatIsNew(t *testing.T) {
	b := setup(t, 5)
	c := b.client().enroll()
	threat := wire.Threat{ID: ulid.Make().String(), Name: "Eicar", Path: "/x", Action: wire.ActionNone, FoundAt: time.Now()}
	ill := c.report(threat)
	for range 3 { // the same report again and again
		if status, p := c.call(http.MethodPost, wire.ReportsPath, ill, nil); status != http.StatusNoContent {
			t.Fatalf("report: %d %+v", status, p)
		}
	}
	types := b.types()
	if count(types, "device.threat_found") != 1 || count(types, "device.guards_changed") != 1 || count(types, "device.observed") != 1 {
		t.Errorf("events %v", types)
	}
	changed := ill
	changed.Threats = nil
	status, p := c.call(http.MethodPost, wire.ReportsPath, changed, nil)
	c.expect("the same id with other content", status, p, http.StatusUnprocessableEntity, domain.ErrKeyReused.Code)
	if status, _ := c.call(http.MethodPost, wire.ReportsPath, c.report(), nil); status != http.StatusNoContent {
		t.Errorf("report: %d", status)
	}
	if count(b.types(), "device.threat_resolved") != 1 {
		t.Errorf("events %v", b.types())
	}
}

func TestACommandGoesToTheDeviceAndItsAnswerBack(t *testing.T) {
	b := setup(t, 5)
	c := b.client().enroll()
	id := domain.DeviceID(c.cred.DeviceID)
	ask := func() commands.Request {
		rq := admin()
		if _, err := commands.Do[device.State](t.Context(), b.h, rq, device.RequestScan{
			Tenant: tenant, Device: id, Request: device.RequestID(rq.ID.String()), Profile: device.ProfilePath, Paths: []string{"/data"}, At: rq.At,
		}); err != nil {
			t.Fatal(err)
		}
		return rq
	}
	if status, _ := c.call(http.MethodGet, wire.CommandsPath+"?wait=10ms", nil, nil); status != http.StatusNoContent {
		t.Errorf("nothing to do: %d, want 204", status)
	}
	polled := make(chan wire.Commands)
	go func() {
		var answer wire.Commands
		c.call(http.MethodGet, wire.CommandsPath+"?wait=30s", nil, &answer)
		polled <- answer
	}()
	rq := ask() // while the poll waits
	answer := <-polled
	if len(answer.Commands) != 1 || answer.Commands[0].ID != rq.ID.String() || answer.Commands[0].Kind != wire.KindScan || answer.Commands[0].Paths[0] != "/data" {
		t.Fatalf("commands %+v", answer)
	}
	started := wire.CommandStarted{At: time.Now()}
	result := wire.CommandResult{At: time.Now(), OK: true, Code: wire.ResultDone, Scan: &wire.Scan{Files: 3, Infected: 1},
		Threats: []wire.Threat{{ID: ulid.Make().String(), Name: "Eicar", Path: "/data/x", FoundAt: time.Now()}}}
	for range 2 {
		c.call(http.MethodPost, wire.StartedPath(rq.ID.String()), started, nil)
	}
	if status, p := c.call(http.MethodPost, wire.ResultPath(rq.ID.String()), result, nil); status != http.StatusNoContent {
		t.Fatalf("result: %d %+v", status, p)
	}
	if status, p := c.call(http.MethodPost, wire.ResultPath(rq.ID.String()), result, nil); status != http.StatusNoContent {
		t.Errorf("the same result again: %d %+v", status, p)
	}
	status, p := c.call(http.MethodPost, wire.ResultPath(uuid.NewString()), result, nil)
	c.expect("a command that never was", status, p, http.StatusNotFound, wire.CodeUnknownCommand)

	var timeline []string // the activity that the request began holds the whole story
	for r, err := range b.store.ReadLinks(t.Context(), "$bc-"+rq.ID.String(), eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			t.Fatal(err)
		}
		timeline = append(timeline, strings.TrimPrefix(r.Type, "device."))
	}
	if got := strings.Join(timeline, " "); got != "scan_requested request_sent request_started threat_found request_completed" {
		t.Errorf("timeline %q", got)
	}
}

func TestARemovedDeviceIsGone(t *testing.T) {
	b := setup(t, 5)
	c := b.client().enroll()
	if _, err := commands.RemoveDevice(t.Context(), b.h, admin(), device.Remove{Tenant: tenant, Device: domain.DeviceID(c.cred.DeviceID), At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, call := range []struct {
		method, path string
		body         any
	}{
		{http.MethodPost, wire.ReportsPath, c.report()},
		{http.MethodGet, wire.CommandsPath + "?wait=0s", nil},
	} {
		status, p := c.call(call.method, call.path, call.body, nil)
		c.expect(call.path, status, p, http.StatusGone, wire.CodeDeviceRemoved)
	}
}

func TestBadInputChangesNothing(t *testing.T) {
	b := setup(t, 5)
	c := b.client().enroll()
	before := len(b.types())
	for name, call := range map[string]struct {
		method, path string
		body         any
		status       int
		code         string
	}{
		"not JSON":       {http.MethodPost, wire.ReportsPath, "{", 400, wire.CodeInvalidRequest},
		"wrong type":     {http.MethodPost, wire.ReportsPath, `{"id": 7}`, 400, wire.CodeInvalidRequest},
		"no id":          {http.MethodPost, wire.ReportsPath, `{}`, 400, wire.CodeInvalidRequest},
		"10 MiB":         {http.MethodPost, wire.ReportsPath, `{"id":"` + strings.Repeat("x", 10<<20) + `"}`, 413, wire.CodeTooLarge},
		"wrong method":   {http.MethodDelete, wire.ReportsPath, nil, 405, "method_not_allowed"},
		"wrong address":  {http.MethodGet, wire.BasePath + "/nothing", nil, 404, "not_found"},
		"odd wait":       {http.MethodGet, wire.CommandsPath + "?wait=soon", nil, 400, wire.CodeInvalidRequest},
		"no command id":  {http.MethodPost, wire.StartedPath("x"), wire.CommandStarted{}, 404, wire.CodeUnknownCommand},
		"threat id odd":  {http.MethodPost, wire.ReportsPath, c.report(wire.Threat{ID: "a b"}), 400, domain.ErrInvalid.Code},
		"threat id long": {http.MethodPost, wire.ReportsPath, c.report(wire.Threat{ID: strings.Repeat("x", 300)}), 400, domain.ErrInvalid.Code},
	} {
		status, p := c.call(call.method, call.path, call.body, nil)
		c.expect(name, status, p, call.status, call.code)
	}
	if n := len(b.types()); n != before {
		t.Errorf("%d events were left behind: %v", n-before, b.types()[before:])
	}
}

func TestADeviceThatSendsTooMuchIsSlowedDown(t *testing.T) {
	b := setup(t, 5)
	c := b.client().enroll()
	limited := 0
	for range 1200 {
		if status, p := c.call(http.MethodGet, wire.CommandsPath+"?wait=0s", nil, nil); status == http.StatusTooManyRequests && p.Code == wire.CodeRateLimited {
			limited++
		}
	}
	if limited == 0 {
		t.Error("1,200 requests at once were all answered")
	}
	other := b.client().enroll()
	if status, _ := other.call(http.MethodGet, wire.CommandsPath+"?wait=0s", nil, nil); status != http.StatusNoContent {
		t.Errorf("another device pays for it: %d", status)
	}
}
