package user

import (
	"fmt"
	"strings"
	"testing"

	"avportal/domain"
	"avportal/domain/domaintest"
)

var (
	saveInfected  = SaveFilter{Tenant: tenant, User: "u1", Filter: "f1", Table: DeviceTable, Name: " Infected ", Query: "infected=true", At: at}
	savedInfected = FilterSaved{User: "u1", Filter: "f1", Table: DeviceTable, To: filter("Infected", "infected=true")}
	savedOld      = FilterSaved{User: "u1", Filter: "f2", Table: DeviceTable, To: filter("Old", "signatures=critical")}
)

func filter(name, query string) Filter { return Filter{Name: text(name), Query: text(query)} }

func TestSaveFilter(t *testing.T) {
	domaintest.Given[State](t, invited, accepted).When(saveInfected).Then(savedInfected).When(saveInfected).ThenRefused(domain.ErrExists)
	domaintest.Given[State](t, invited, deactivated).When(saveInfected).ThenRefused(ErrInactive)
	domaintest.Given[State](t).When(saveInfected).ThenRefused(domain.ErrNotFound)
	for field, change := range map[string]func(*SaveFilter){
		"/name":   func(c *SaveFilter) { c.Name = " " },
		"/query":  func(c *SaveFilter) { c.Query = strings.Repeat("x", maxQuery+1) },
		"/table":  func(c *SaveFilter) { c.Table = "people" },
		"/filter": func(c *SaveFilter) { c.Filter = "f 1" },
	} {
		c := saveInfected
		change(&c)
		domaintest.Given[State](t, invited, accepted).When(c).ThenRefused(domain.ErrInvalid.At(field))
	}
	empty := saveInfected
	empty.Query = ""
	domaintest.Given[State](t, invited, accepted).When(empty).ThenRefused(domain.ErrInvalid.At("/query"))
}

func TestAFilterNameIsFreeOncePerTable(t *testing.T) {
	again := saveInfected
	again.Filter, again.Name = "f2", "INFECTED"
	domaintest.Given[State](t, invited, accepted, savedInfected).When(again).ThenRefused(ErrFilterName)
	again.Table = LicenseTable
	domaintest.Given[State](t, invited, accepted, savedInfected).When(again).
		Then(FilterSaved{User: "u1", Filter: "f2", Table: LicenseTable, To: filter("INFECTED", "infected=true")})
}

func TestFiltersHaveABound(t *testing.T) {
	history := []domain.Event{invited, accepted}
	for i := range maxFilters {
		history = append(history, FilterSaved{User: "u1", Filter: FilterID(fmt.Sprint(i)), Table: LicenseTable, To: filter(fmt.Sprint(i), "x=y")})
	}
	domaintest.Given[State](t, history...).When(saveInfected).ThenRefused(ErrTooManyFilters)
	domaintest.Given[State](t, append(history, FilterDeleted{User: "u1", Filter: "7"})...).When(saveInfected).Then(savedInfected)
}

func TestChangeFilter(t *testing.T) {
	rename := ChangeFilter{Tenant: tenant, User: "u1", Filter: "f1", Name: "Sick", At: at}
	domaintest.Given[State](t, invited, accepted, savedInfected).When(rename).
		Then(FilterChanged{User: "u1", Filter: "f1", From: savedInfected.To, To: filter("Sick", "infected=true")}).When(rename).ThenNothing()
	overwrite := ChangeFilter{Tenant: tenant, User: "u1", Filter: "f1", Query: "q=pc", At: at}
	domaintest.Given[State](t, invited, accepted, savedInfected).When(overwrite).
		Then(FilterChanged{User: "u1", Filter: "f1", From: savedInfected.To, To: filter("Infected", "q=pc")})
	rename.Name = "old"
	domaintest.Given[State](t, invited, accepted, savedInfected, savedOld).When(rename).ThenRefused(ErrFilterName)
	domaintest.Given[State](t, invited, accepted).When(rename).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t, invited, deactivated).When(rename).ThenRefused(ErrInactive)
}

func TestOneFilterOfATableIsItsDefault(t *testing.T) {
	first := ChooseDefaultFilter{Tenant: tenant, User: "u1", Filter: "f1", Default: true, At: at}
	second, none := first, first
	second.Filter, none.Default = "f2", false
	chosen := DefaultFilterChosen{User: "u1", Table: DeviceTable, To: "f1"}
	domaintest.Given[State](t, invited, accepted, savedInfected, savedOld).When(first).Then(chosen).
		When(second).Then(DefaultFilterChosen{User: "u1", Table: DeviceTable, From: "f1", To: "f2"}).When(none).ThenNothing()
	domaintest.Given[State](t, invited, accepted, savedInfected, chosen).When(first).ThenNothing()
	domaintest.Given[State](t, invited, accepted, savedInfected, chosen).When(none).Then(DefaultFilterChosen{User: "u1", Table: DeviceTable, From: "f1"})
	domaintest.Given[State](t, invited, accepted).When(first).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t, invited, deactivated).When(first).ThenRefused(ErrInactive)

	change := FilterChanged{User: "u1", Filter: "f1", From: savedInfected.To, To: filter("Sick", "infected=true")}
	if f := domaintest.Fold[State](invited, savedInfected, chosen, change).Filters()["f1"]; !f.Default || f.Filter != change.To || f.Table != DeviceTable {
		t.Errorf("a default that is renamed: %+v", f)
	}
}

func TestDeleteFilter(t *testing.T) {
	drop := DeleteFilter{Tenant: tenant, User: "u1", Filter: "f1", At: at}
	deleted := FilterDeleted{User: "u1", Filter: "f1"}
	domaintest.Given[State](t, invited, accepted, savedInfected).When(drop).Then(deleted).When(drop).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t, invited, deactivated).When(drop).ThenRefused(ErrInactive)
	second := ChooseDefaultFilter{Tenant: tenant, User: "u1", Filter: "f2", Default: true, At: at}
	domaintest.Given[State](t, invited, savedInfected, savedOld, DefaultFilterChosen{User: "u1", Table: DeviceTable, To: "f1"}, deleted).
		When(second).Then(DefaultFilterChosen{User: "u1", Table: DeviceTable, To: "f2"})
	if s := domaintest.Fold[State](invited, accepted, savedInfected, erased); len(s.Filters()) != 0 {
		t.Errorf("erased, and the filters are there: %v", s.Filters())
	}
	if drop.Needs() != domain.ManageSelf || saveInfected.Needs() != domain.ManageSelf || second.Needs() != domain.ManageSelf || (ChangeFilter{}).Needs() != domain.ManageSelf {
		t.Error("who may have filters?")
	}
}
