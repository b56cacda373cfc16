package domain_test

import (
	"testing"

	"avportal/domain"
)

// The whole matrix, so that a change of one right shows here.
func TestWhatEachRoleMayDo(t *testing.T) {
	all := []domain.Permission{
		domain.Read, domain.ReadLog, domain.ManageReseller, domain.ManageCustomers, domain.ManageLicenses,
		domain.ManageGroups, domain.ManageDevices, domain.ManageProfiles, domain.ActAsDevice, domain.OperatePlatform,
		domain.ManageUsers, domain.ManageSelf,
	}
	for role, may := range map[domain.Role]string{
		domain.ResellerAdmin:      "yyyyyyyy--yy",
		domain.ResellerTechnician: "yy---yyy---y",
		domain.ResellerReadOnly:   "y----------y",
		domain.CustomerAdmin:      "yy---yyy--yy",
		domain.CustomerReadOnly:   "y----------y",
		domain.Auditor:            "-y---------y",
		domain.Client:             "--------y---",
		domain.System:             "yyyyyyyyyyyy",
		domain.Operator:           "yyyyyyyyyyyy",
		"stranger":                "------------",
	} {
		for i, p := range all {
			if got, want := role.Allows(p), may[i] == 'y'; got != want {
				t.Errorf("may a %s do %s? %v, want %v", role, p, got, want)
			}
		}
	}
}

func TestWhoGivesWhichRole(t *testing.T) {
	all := []domain.Role{
		domain.ResellerAdmin, domain.ResellerTechnician, domain.ResellerReadOnly, domain.Auditor, domain.CustomerAdmin,
		domain.CustomerReadOnly, domain.Client, domain.System, domain.Operator, "stranger",
	}
	for role, may := range map[domain.Role]string{
		domain.ResellerAdmin: "yyyyyy----", domain.CustomerAdmin: "----yy----", domain.ResellerTechnician: "----------",
		domain.CustomerReadOnly: "----------", domain.Auditor: "----------", domain.Client: "----------", domain.System: "yyyyyy----",
	} {
		for i, other := range all {
			if got := role.MayGive(other); got != (may[i] == 'y') {
				t.Errorf("may a %s give %s? %v", role, other, got)
			}
			if other.Of("") && other.Of("c1") {
				t.Errorf("%s is of both", other)
			}
		}
	}
}

func TestHowFarAnActorSees(t *testing.T) {
	here := domain.Scope{Tenant: tenant, Customer: "c1"}
	beside := domain.Scope{Tenant: tenant, Customer: "c2"}
	whole := domain.Scope{Tenant: tenant}
	abroad := domain.Scope{Tenant: "ffeeddccbbaa99887766554433221100", Customer: "c1"}
	for name, c := range map[string]struct {
		actor domain.Actor
		sees  [4]bool // here, beside, whole, abroad
	}{
		"reseller's":      {domain.Actor{Role: domain.ResellerAdmin, Tenant: tenant}, [4]bool{true, true, true, false}},
		"customer's":      {domain.Actor{Role: domain.CustomerAdmin, Tenant: tenant, Customer: "c1"}, [4]bool{true, false, false, false}},
		"device":          {domain.DeviceActor("d1", here), [4]bool{true, false, false, false}},
		"system":          {domain.SystemActor("policy", tenant), [4]bool{true, true, true, false}},
		"operator":        {domain.Actor{Role: domain.Operator}, [4]bool{true, true, true, true}},
		"nobody's":        {domain.Actor{Role: domain.ResellerAdmin}, [4]bool{}},
		"tenant operator": {domain.Actor{Role: domain.Operator, Tenant: tenant}, [4]bool{true, true, true, false}},
	} {
		for i, scope := range []domain.Scope{here, beside, whole, abroad} {
			if got := c.actor.Sees(scope); got != c.sees[i] {
				t.Errorf("does the %s actor see %+v? %v", name, scope, got)
			}
		}
	}
}

func TestGroupIDTellsItsLicense(t *testing.T) {
	for id, want := range map[domain.GroupID]domain.LicenseID{
		domain.NewGroupID("l1", "main"): "l1", domain.NewGroupID("a.b", "x"): "a.b", "main": "", "": "",
	} {
		if got := id.License(); got != want {
			t.Errorf("%q is of %q, want %q", id, got, want)
		}
	}
}
