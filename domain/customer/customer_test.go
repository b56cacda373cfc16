package customer

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var (
	at       = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	imported = Imported{Tenant: tenant, Customer: "c1", Name: "Bäckerei Huber", Number: "10042"}
	imports  = Import{Tenant: tenant, Customer: "c1", Name: "Bäckerei Huber ", Number: "10042", At: at}
)

func TestImport(t *testing.T) {
	domaintest.Given[State](t).When(imports).Then(imported).When(imports).ThenNothing()

	nameless, numbered, strange := imports, imports, imports
	nameless.Name, numbered.Number, strange.Customer = "", "1\x002", "c 1"
	domaintest.Given[State](t).When(nameless).ThenRefused(domain.ErrInvalid.At("/name"))
	domaintest.Given[State](t).When(numbered).ThenRefused(domain.ErrInvalid.At("/number"))
	domaintest.Given[State](t).When(strange).ThenRefused(domain.ErrInvalid.At("/customer"))
}

func TestImportAgainBringsTheNameUpToDate(t *testing.T) {
	again := imports
	again.Name = "Huber GmbH"
	domaintest.Given[State](t, imported).When(again).Then(Renamed{Customer: "c1", From: "Bäckerei Huber", To: "Huber GmbH"})
}

func TestAnotherNumberIsAnotherCustomer(t *testing.T) {
	again := imports
	again.Number = "10043"
	domaintest.Given[State](t, imported).When(again).ThenRefused(domain.ErrExists.At("/number"))
}

func TestRename(t *testing.T) {
	rename := Rename{Tenant: tenant, Customer: "c1", Name: "Huber GmbH", At: at}
	domaintest.Given[State](t, imported).When(rename).
		Then(Renamed{Customer: "c1", From: "Bäckerei Huber", To: "Huber GmbH"}).
		When(rename).ThenNothing()
	domaintest.Given[State](t, imported).When(Rename{Tenant: tenant, Customer: "c1"}).ThenRefused(domain.ErrInvalid.At("/name"))
	domaintest.Given[State](t).When(rename).ThenRefused(domain.ErrNotFound)
}

func TestScopeIsTheCustomer(t *testing.T) {
	if got := domaintest.Fold[State](imported); got.Scope() != (domain.Scope{Tenant: tenant, Customer: "c1"}) || got.Name() != "Bäckerei Huber" {
		t.Errorf("got %+v", got)
	}
}
