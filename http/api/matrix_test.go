package api_test

import (
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/notice"
)

// forStrangers marks routes that are for whoever proves himself by the request's body.
const forStrangers = "-"

// whoMay has a row for every route of the document: the roles that may use it, by their letters in roles. A route without a row
// fails the test. What lies in its path, query and body is found out by the names of parameters; see objects.
var whoMay = map[string]string{
	"GET /me":                          "atrckuo",
	"GET /me/sessions":                 "atrckuo",
	"DELETE /me/sessions":              "atrckuo",
	"DELETE /me/sessions/{id}":         "atrckuo",
	"GET /me/credentials":              "atrckuo",
	"PUT /me/password":                 "atrckuo",
	"POST /me/totp":                    "atrckuo",
	"POST /me/totp/confirm":            "atrckuo",
	"POST /me/totp/disable":            "atrckuo",
	"POST /me/totp/recovery-codes":     "atrckuo",
	"GET /me/passkeys":                 "atrckuo",
	"POST /me/passkeys":                "atrckuo",
	"POST /me/passkeys/challenge":      "atrckuo",
	"DELETE /me/passkeys/{id}":         "atrckuo",
	"POST /session/passkey":            forStrangers,
	"POST /session/passkey/challenge":  forStrangers,
	"POST /session":                    forStrangers,
	"GET /session":                     "atrckuo",
	"GET /session/organisations":       "atrckuo",
	"POST /session/organisation":       "atrckuo",
	"POST /invitations/look-up":        forStrangers,
	"POST /invitations/accept":         forStrangers,
	"DELETE /session":                  "atrckuo",
	"POST /password-recovery":          forStrangers,
	"POST /password-recovery/complete": forStrangers,

	"GET /names":     "atrckuo",
	"GET /events":    "atrck",
	"GET /dashboard": "atrck",

	"GET /customers":                  "atrck",
	"POST /customers":                 "a",
	"GET /customers/{id}":             "atrck",
	"GET /customers/{id}/log-consent": "atrck",
	"PUT /customers/{id}/log-consent": "c",
	"PATCH /customers/{id}":           "a",

	"GET /licenses":               "atrck",
	"GET /licenses/export":        "atrck",
	"POST /licenses":              "a",
	"GET /licenses/{id}":          "atrck",
	"GET /licenses/{id}/download": "atc",
	"PATCH /licenses/{id}":        "a",
	"POST /licenses/{id}/renew":   "a",
	"POST /licenses/{id}/refresh": "atc",

	"GET /groups":         "atrck",
	"POST /groups":        "atc",
	"PATCH /groups/{id}":  "atc",
	"DELETE /groups/{id}": "atc",

	"PUT /groups/{id}/profile":   "atc",
	"POST /groups/{id}/transmit": "atc",

	"GET /profiles":                         "atrck",
	"POST /profiles":                        "atc",
	"GET /profiles/{id}":                    "atrck",
	"PATCH /profiles/{id}":                  "atc",
	"DELETE /profiles/{id}":                 "atc",
	"PUT /profiles/{id}/settings":           "atc",
	"POST /profiles/{id}/clone":             "atc",
	"POST /profiles/{id}/transmit":          "atc",
	"GET /profiles/{id}/editions":           "atrck",
	"GET /profiles/{id}/editions/{edition}": "atrck",
	"GET /profiles/{id}/differences":        "atrck",
	"POST /profiles/{id}/restore":           "atc",

	"GET /devices":                               "atrck",
	"GET /devices/export":                        "atrck",
	"POST /devices/move":                         "atc",
	"POST /devices/scan":                         "atc",
	"POST /devices/update":                       "atc",
	"POST /devices/transmit":                     "atc",
	"POST /devices/label":                        "atc",
	"POST /devices/remove":                       "atc",
	"POST /devices/{id}/transmit":                "atc",
	"GET /devices/{id}":                          "atrck",
	"PATCH /devices/{id}":                        "atc",
	"DELETE /devices/{id}":                       "atc",
	"POST /devices/{id}/scan":                    "atc",
	"POST /devices/{id}/update":                  "atc",
	"DELETE /devices/{id}/requests/{request_id}": "atc",
	"POST /devices/{id}/log":                     "atc",
	"GET /devices/{id}/logs":                     "atc",
	"GET /devices/{id}/logs/{log_id}":            "atc",
	"GET /devices/{id}/history":                  "atcu",

	"GET /notices":            "atrck",
	"GET /notices/summary":    "atrck",
	"POST /notices/read":      "atrck",
	"POST /notices/{id}/read": "atrck",

	"GET /jobs":              "atrck",
	"GET /jobs/{id}":         "atrck",
	"GET /jobs/{id}/results": "atrck",
	"POST /jobs/{id}/undo":   "atc",

	"GET /activities":        "atcu",
	"GET /activities/export": "atcu",
	"GET /activities/{id}":   "atcu",
	"GET /audit/events":      "atu",

	"GET /reseller":   "atr",
	"PATCH /reseller": "a",
	"POST /resellers": "o",

	"GET /reseller/conversion":  "atr",
	"POST /reseller/conversion": "a",

	"GET /reseller/sync":  "atr",
	"POST /reseller/sync": "at",

	"GET /users":                  "ac",
	"POST /users":                 "ac",
	"GET /users/{id}":             "ac",
	"PATCH /users/{id}":           "ac",
	"DELETE /users/{id}":          "ac",
	"POST /users/{id}/resend":     "ac",
	"POST /users/{id}/deactivate": "ac",
	"POST /users/{id}/reactivate": "ac",

	"GET /me/profile":          "atrcku",
	"PATCH /me/profile":        "atrcku",
	"GET /me/filters":          "atrcku",
	"POST /me/filters":         "atrcku",
	"PATCH /me/filters/{id}":   "atrcku",
	"DELETE /me/filters/{id}":  "atrcku",
	"POST /me/readonly-link":   "atrck",
	"DELETE /me/readonly-link": "atrcku",

	"GET /readonly/{secret}/dashboard": "atrckuo", // and whoever has the link
	"GET /readonly/{secret}/qr":        "atrckuo",

	"GET /projections":                                "o",
	"GET /projections/as-of":                          "o",
	"POST /projections/as-of":                         "o",
	"DELETE /projections/as-of/{name}":                "o",
	"POST /projections/policies/{policy}/quarantine":  "o",
	"POST /projections/policies/{policy}/rewind":      "o",
	"GET /projections/{view}":                         "o",
	"GET /projections/{view}/progress":                "o",
	"POST /projections/{view}/quarantine":             "o",
	"POST /projections/{view}/{task}":                 "o",
	"DELETE /projections/{view}/generations/{schema}": "o",

	"GET /webhooks":                 "a",
	"POST /webhooks":                "a",
	"PATCH /webhooks/{id}":          "a",
	"DELETE /webhooks/{id}":         "a",
	"POST /webhooks/{id}/secret":    "a",
	"POST /webhooks/{id}/test":      "a",
	"GET /webhooks/{id}/deliveries": "a",

	"GET /tokens":         "a",
	"POST /tokens":        "a",
	"DELETE /tokens/{id}": "a",
}

// roles are the callers of the matrix. Those with a customer belong to c1.
var roles = map[rune]struct {
	role     domain.Role
	customer domain.CustomerID
}{
	'a': {domain.ResellerAdmin, ""}, 't': {domain.ResellerTechnician, ""}, 'r': {domain.ResellerReadOnly, ""},
	'c': {domain.CustomerAdmin, "c1"}, 'k': {domain.CustomerReadOnly, "c1"}, 'u': {domain.Auditor, ""}, 'o': {domain.Operator, ""},
}

// object is the id of the same kind of thing at four places.
type object struct{ own, sibling, foreign, missing string }

// objects are what stands in paths, queries and bodies, by the name of the parameter or property, or by the segment of the path
// before it. A new kind of object is one line.
func (p *portal) objects() map[string]object {
	p.Helper()
	f := p.fleet()
	check(p, p.sub(tenant, "l1"))
	check(p, p.sub(tenant, "l2"))
	check(p, p.sub(foreign, "lb"))
	own, sibling, alien := string(f.devices[0]), string(f.beside), string(f.stranger)
	admins := map[string]string{own: p.token(domain.CustomerAdmin, tenant, "c1"), sibling: p.token(domain.CustomerAdmin, tenant, "c2"), alien: p.token(domain.ResellerAdmin, foreign, "")}
	each := func(do func(device, token string) string) object {
		return object{do(own, admins[own]), do(sibling, admins[sibling]), do(alien, admins[alien]), uuid.NewString()}
	}
	devices := object{own, sibling, alien, "gone"}
	customers, licenses := object{"c1", "c2", "b1", "nobody"}, object{"l1", "l2", "lb", "none"}
	groups := object{"l1.sub", "l2.sub", "lb.sub", "none.sub"}
	requests := each(func(device, token string) string {
		return p.must(202, token, "POST", "/api/v1/devices/"+device+"/update", nil).body["request"].(string)
	})
	for of, c := range map[domain.Tenant][]domain.CustomerID{tenant: {"c1", "c2"}, foreign: {"b1"}} {
		for _, customer := range c {
			p.consent(of, customer, true)
		}
	}
	logs := object{missing: uuid.NewString()}
	for id, at := range map[*string]struct {
		of domain.Scope
		d  domain.DeviceID
	}{
		&logs.own: {domain.Scope{Tenant: tenant, Customer: "c1"}, f.devices[0]}, &logs.sibling: {domain.Scope{Tenant: tenant, Customer: "c2"}, f.beside},
		&logs.foreign: {domain.Scope{Tenant: foreign, Customer: "b1"}, f.stranger},
	} {
		*id = uuid.NewString()
		check(p, p.logs.Keep(p.Context(), at.of, at.d, device.RequestID(*id), time.Now(), []byte("x")))
	}
	jobs := each(func(device, token string) string {
		return p.must(202, token, "POST", "/api/v1/devices/update", map[string]any{"devices": []string{device}}).body["id"].(string)
	})
	tokens := object{own: p.tokenID(p.token(domain.Auditor, tenant, "")).String(), foreign: p.tokenID(p.token(domain.Auditor, foreign, "")).String(), missing: uuid.NewString()}
	filters := object{uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()}  // tokens have none; see TestFiltersAreOnesOwn
	sessions := object{uuid.NewString(), uuid.NewString(), uuid.NewString(), uuid.NewString()} // those of others; see TestSessionsOverHTTP
	users := object{
		own:     string(p.invite(p.admin, "own@huber.example", "customer_admin", "c1")),
		sibling: string(p.invite(p.admin, "sibling@kern.example", "customer_admin", "c2")),
		foreign: string(p.invite(p.token(domain.ResellerAdmin, foreign, ""), "foreign@roth.example", "customer_admin", "b1")),
		missing: uuid.NewString(),
	}
	profiles := object{
		p.profile(p.admin, map[string]any{"name": "x", "owner": "c1"}), p.profile(p.admin, map[string]any{"name": "x", "owner": "c2"}),
		p.profile(admins[alien], map[string]any{"name": "x"}), uuid.NewString(),
	}
	operator := p.token(domain.Operator, "", "")
	moment := p.must(202, operator, "POST", projectionsPath+"/as-of", map[string]any{"at": p.head().String()}).body["name"].(string)
	p.must(202, operator, "POST", projectionsPath+"/devices/verify", nil)
	p.finished(operator, "devices")
	hook := func(token string) string {
		return p.must(201, token, "POST", "/api/v1/webhooks", map[string]any{"name": "x", "url": "https://hooks.invalid/", "kinds": []string{"installed"}}).body["webhook"].(map[string]any)["id"].(string)
	}
	told := func(of domain.Tenant, c domain.CustomerID) string {
		return p.tell(of, domain.NoticeSeatsUsedUp, notice.Subject{Customer: c}, notice.Facts{Name: "Customer " + string(c)})
	}
	notices := object{told(tenant, "c1"), told(tenant, "c2"), told(foreign, "b1"), uuid.NewString()}
	return map[string]object{
		"notices": notices, "notice": notices, "webhooks": {own: hook(p.admin), foreign: hook(admins[alien]), missing: uuid.NewString()},
		// Read models are nobody's, and only who runs the installation works on them.
		"projections": {own: "devices"}, "generations": {own: "devices"}, "policies": {own: "run%20job"}, "of": {own: moment},
		"sessions": sessions, "passkeys": sessions, "filters": filters,
		"users": users, "secret": {own: p.openLink()},
		"customers": customers, "customer": customers, "licenses": licenses, "license": licenses, "groups": groups, "group": groups, "parent": groups,
		"profiles": profiles, "editions": {"1", "1", "1", "9"},
		"devices": devices, "device": devices, "request_id": requests, "log_id": logs, "jobs": jobs, "activities": requests, "tokens": tokens,
	}
}

func (p *portal) sub(t domain.Tenant, l domain.LicenseID) error {
	_, err := commands.Do[group.State](p.Context(), p.h, p.as(t), group.Create{Tenant: t, Group: domain.NewGroupID(l, "sub"), Parent: domain.NewGroupID(l, "main"), Name: "Sub", At: time.Now()})
	return err
}
