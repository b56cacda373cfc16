package api

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"avportal/domain"
)

func testServer(t *testing.T) *server {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	return &server{doc: doc}
}

// A handler without an access rule, a rule without a handler, an operation without either: none may go unnoticed.
func TestRoutesRulesAndDocumentAgree(t *testing.T) {
	s := testServer(t)
	found, err := endpointsOf(s.router(), s.doc)
	if err != nil || len(found) != len(routes) {
		t.Fatalf("%d endpoints for %d rules: %v", len(found), len(routes), err)
	}
	forgotten := s.router()
	forgotten.HandleFunc(basePath+"/forgotten", nil).Methods("GET")
	if _, err := endpointsOf(forgotten, s.doc); err == nil {
		t.Error("a route without a rule was not noticed")
	}
	anyMethod := s.router()
	anyMethod.HandleFunc(basePath+"/me", nil)
	if _, err := endpointsOf(anyMethod, s.doc); err == nil {
		t.Error("a route for every method was not noticed")
	}
	s.doc.Paths.Delete("/me")
	if _, err := endpointsOf(s.router(), s.doc); err == nil {
		t.Error("a route that is not documented was not noticed")
	}
}

// Every operation says what it is, shows an example of what it takes and gives, and names its refusals.
func TestTheDocumentIsComplete(t *testing.T) {
	for path, item := range testServer(t).doc.Paths.Map() {
		for method, op := range item.Operations() {
			where := method + " " + path
			if op.Summary == "" || op.OperationID == "" || len(op.Tags) != 1 {
				t.Errorf("%s has no summary, id or tag", where)
			}
			if op.RequestBody != nil && op.RequestBody.Value.Content.Get("application/json").Example == nil {
				t.Errorf("%s has no example of its body", where)
			}
			for _, status := range []string{"401", "429", "default"} {
				if op.Responses.Value(status) == nil {
					t.Errorf("%s does not document %s", where, status)
				}
			}
			for status, response := range op.Responses.Map() {
				for kind, media := range response.Value.Content {
					if media.Example == nil {
						t.Errorf("%s %s %s has no example", where, status, kind)
					}
				}
			}
		}
	}
}

// The whole table, so that a change of who may do what shows here.
func TestWhoMayDoWhat(t *testing.T) {
	actors := map[string]domain.Actor{
		"admin":      {Role: domain.ResellerAdmin, Tenant: "t"},
		"technician": {Role: domain.ResellerTechnician, Tenant: "t"},
		"read-only":  {Role: domain.ResellerReadOnly, Tenant: "t"},
		"customer":   {Role: domain.CustomerAdmin, Tenant: "t", Customer: "c"},
		"customer r": {Role: domain.CustomerReadOnly, Tenant: "t", Customer: "c"},
		"auditor":    {Role: domain.Auditor, Tenant: "t"},
		"device":     {Role: domain.Client, Tenant: "t", Customer: "c"},
		"operator":   {Role: domain.Operator},
		"nobody":     {},
	}
	order := []string{"admin", "technician", "read-only", "customer", "customer r", "auditor", "device", "operator", "nobody"}
	for who, may := range map[access]string{
		{"", anyone}:                           "yyyyyyyyy",
		{domain.Read, withinTenant}:            "yyyyy----",
		{domain.Read, tenantWide}:              "yyy------",
		{domain.ReadLog, withinTenant}:         "yy-y-y---",
		{domain.ReadLog, tenantWide}:           "yy---y---",
		{domain.ManageDevices, withinTenant}:   "yy-y-----",
		{domain.ManageDevices, tenantWide}:     "yy-------",
		{domain.ManageGroups, withinTenant}:    "yy-y-----",
		{domain.ManageProfiles, withinTenant}:  "yy-y-----",
		{domain.ManageCustomers, tenantWide}:   "y--------",
		{domain.ManageCustomers, withinTenant}: "y--------",
		{domain.ManageLicenses, tenantWide}:    "y--------",
		{domain.ManageLicenses, withinTenant}:  "y--------",
		{domain.ManageReseller, tenantWide}:    "y--------",
		{domain.OperatePlatform, anyone}:       "-------y-",
		{domain.GiveConsent, withinTenant}:     "---y-----",
		{domain.ManageUsers, withinTenant}:     "y--y-----",
		{domain.ManageSelf, withinTenant}:      "yyyyyy---",
		{domain.Read, byLink}:                  "yyyyy----", // who reads by a link is one of these
	} {
		for i, name := range order {
			if got := who.permits(actors[name]) == nil; got != (may[i] == 'y') {
				t.Errorf("%v lets a %s pass: %v", who, name, got)
			}
		}
		used := false
		for _, a := range routes {
			used = used || a == who
		}
		if !used {
			t.Errorf("no route has the rule %v", who)
		}
	}
}
