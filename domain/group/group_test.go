package group

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const (
	tenant = domain.Tenant("00112233445566778899aabbccddeeff")
	main   = domain.GroupID("l1.main")
	sales  = domain.GroupID("l1.sales")
	east   = domain.GroupID("l1.east")
	lab    = domain.GroupID("l1.lab")
)

var (
	at      = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	planted = MainCreated{Tenant: tenant, Customer: "c1", License: "l1", Group: main, Name: "Büro"}
	tree    = []domain.Event{ // main > sales > east; main > lab
		planted,
		Created{Group: sales, Parent: main, Name: "Vertrieb"},
		Created{Group: east, Parent: sales, Name: "Ost"},
		Created{Group: lab, Parent: main, Name: "Labor"},
	}
)

func given(t *testing.T, more ...domain.Event) *domaintest.Scenario[State] {
	return domaintest.Given[State](t, append(tree[:len(tree):len(tree)], more...)...)
}

func TestCreateMain(t *testing.T) {
	c := CreateMain{Tenant: tenant, Customer: "c1", License: "l1", Name: "Büro", At: at}
	domaintest.Given[State](t).When(c).Then(planted).When(c).ThenNothing()
	renamed := c
	renamed.Name = "another name"
	given(t).When(renamed).ThenNothing()
	nameless := c
	nameless.Name = ""
	domaintest.Given[State](t).When(nameless).ThenRefused(domain.ErrInvalid.At("/name"))
}

func create(g, parent domain.GroupID, name string) Create {
	return Create{Tenant: tenant, Group: g, Parent: parent, Name: name, At: at}
}

func TestCreate(t *testing.T) {
	c := create("l1.new", sales, " West ")
	given(t).When(c).Then(Created{Group: "l1.new", Parent: sales, Name: "West"}).When(c).ThenNothing()

	given(t).When(create("l1.new", sales, " oST")).ThenRefused(ErrNameTaken)
	given(t).When(create("l1.new", main, "Ost")).Then(Created{Group: "l1.new", Parent: main, Name: "Ost"}) // no sibling
	given(t).When(create("l1.new", "l1.gone", "x")).ThenRefused(ErrUnknownGroup.At("/parent"))
	given(t).When(create("l1.new", "l2.main", "x")).ThenRefused(ErrUnknownGroup.At("/parent"))
	given(t).When(create("l1.new", main, "")).ThenRefused(domain.ErrInvalid.At("/name"))
	given(t).When(create(lab, main, "Other")).ThenRefused(domain.ErrExists)
	for _, id := range []domain.GroupID{"l1.", "l2.new", "l1.a.b", "new", "l1.a b"} {
		given(t).When(create(id, main, "x")).ThenRefused(domain.ErrInvalid.At("/group"))
	}
	domaintest.Given[State](t).When(c).ThenRefused(domain.ErrNotFound)
}

func TestTreeHasBounds(t *testing.T) {
	deep := []domain.Event{planted}
	parent := main
	for i := 2; i <= MaxDepth; i++ {
		g := domain.GroupID(fmt.Sprintf("l1.d%d", i))
		deep = append(deep, Created{Group: g, Parent: parent, Name: "deeper"})
		parent = g
	}
	domaintest.Given[State](t, deep...).When(create("l1.new", parent, "x")).ThenRefused(ErrTooDeep)
	// A group with one below it fits at level 15, but not at 16.
	pair := slices.Concat(deep, []domain.Event{Created{Group: "l1.p", Parent: main, Name: "p"}, Created{Group: "l1.q", Parent: "l1.p", Name: "q"}})
	domaintest.Given[State](t, pair...).When(Move{Tenant: tenant, Group: "l1.p", To: "l1.d15", At: at}).ThenRefused(ErrTooDeep)
	domaintest.Given[State](t, pair...).When(Move{Tenant: tenant, Group: "l1.p", To: "l1.d14", At: at}).
		Then(Moved{Group: "l1.p", From: main, To: "l1.d14"})

	wide := []domain.Event{planted}
	for i := 1; i < MaxGroups; i++ {
		wide = append(wide, Created{Group: domain.GroupID(fmt.Sprintf("l1.g%d", i)), Parent: main, Name: fmt.Sprint(i)})
	}
	domaintest.Given[State](t, wide...).When(create("l1.new", main, "x")).ThenRefused(ErrTooMany)
}

func TestRename(t *testing.T) {
	rename := func(g domain.GroupID, name string) Rename {
		return Rename{Tenant: tenant, Group: g, Name: name, At: at}
	}
	given(t).When(rename(lab, "Forschung")).Then(Renamed{Group: lab, From: "Labor", To: "Forschung"}).When(rename(lab, "Forschung")).ThenNothing()
	given(t).When(rename(main, "Zentrale")).Then(Renamed{Group: main, From: "Büro", To: "Zentrale"})
	given(t).When(rename(lab, "LABOR")).Then(Renamed{Group: lab, From: "Labor", To: "LABOR"}) // its own name does not stand in its way
	given(t).When(rename(lab, "vertrieb")).ThenRefused(ErrNameTaken)
	given(t).When(rename(lab, "")).ThenRefused(domain.ErrInvalid.At("/name"))
	given(t).When(rename("l1.gone", "x")).ThenRefused(domain.ErrNotFound)
}

func TestMove(t *testing.T) {
	move := func(g, to domain.GroupID) Move { return Move{Tenant: tenant, Group: g, To: to, At: at} }
	given(t).When(move(east, lab)).Then(Moved{Group: east, From: sales, To: lab}).When(move(east, lab)).ThenNothing()
	given(t).When(move(sales, lab)).Then(Moved{Group: sales, From: main, To: lab}).
		When(move(lab, east)).ThenRefused(ErrBelowItself)
	given(t).When(move(sales, sales)).ThenRefused(ErrBelowItself)
	given(t).When(move(sales, east)).ThenRefused(ErrBelowItself)
	given(t).When(move(main, sales)).ThenRefused(ErrMainGroup)
	given(t).When(move(east, "l1.gone")).ThenRefused(ErrUnknownGroup.At("/parent"))
	given(t).When(move(east, "")).ThenRefused(ErrUnknownGroup.At("/parent"))
	given(t).When(move("l1.gone", main)).ThenRefused(domain.ErrNotFound)
	given(t, Created{Group: "l1.east2", Parent: main, Name: "OST"}).When(move(east, main)).ThenRefused(ErrNameTaken)
}

func TestDelete(t *testing.T) {
	remove := func(g domain.GroupID) Delete { return Delete{Tenant: tenant, Group: g, At: at} }
	given(t).When(remove(east)).Then(Deleted{Group: east, Parent: sales, Name: "Ost"}).When(remove(east)).ThenRefused(domain.ErrNotFound)
	given(t).When(remove(main)).ThenRefused(ErrMainGroup)
	given(t).When(remove(sales)).ThenRefused(ErrNotEmpty)
	holding := DeviceAdded{Device: "d1", Group: lab}
	given(t, holding).When(remove(lab)).ThenRefused(ErrNotEmpty)
	given(t, holding, DeviceMoved{Device: "d1", From: lab, To: main}).When(remove(lab)).Then(Deleted{Group: lab, Parent: main, Name: "Labor"})
	given(t, holding, DeviceRemoved{Device: "d1", Group: lab}).When(remove(lab)).Then(Deleted{Group: lab, Parent: main, Name: "Labor"})
}

func TestAddDevice(t *testing.T) {
	add := func(d domain.DeviceID, g domain.GroupID) AddDevice {
		return AddDevice{Tenant: tenant, Group: g, Device: d, ByDevice: true, At: at}
	}
	given(t).When(add("d1", lab)).Then(DeviceAdded{Device: "d1", Group: lab}).When(add("d1", lab)).ThenNothing()
	given(t, DeviceAdded{Device: "d1", Group: lab}).When(add("d1", main)).ThenRefused(ErrElsewhere)
	given(t).When(add("d1", "l1.gone")).ThenRefused(ErrUnknownGroup.At("/group"))
	given(t).When(add("", lab)).ThenRefused(domain.ErrInvalid.At("/device"))
	domaintest.Given[State](t).When(add("d1", lab)).ThenRefused(domain.ErrNotFound)
}

func TestMoveDevice(t *testing.T) {
	move := func(to domain.GroupID) MoveDevice { return MoveDevice{Tenant: tenant, Device: "d1", To: to, At: at} }
	inLab := DeviceAdded{Device: "d1", Group: lab}
	given(t, inLab).When(move(east)).Then(DeviceMoved{Device: "d1", From: lab, To: east}).When(move(east)).ThenNothing()
	given(t, inLab).When(move("l1.gone")).ThenRefused(ErrUnknownGroup.At("/to"))
	given(t).When(move(lab)).ThenRefused(domain.ErrNotFound)
}

func TestRemoveDevice(t *testing.T) {
	remove := RemoveDevice{Tenant: tenant, License: "l1", Device: "d1", At: at}
	given(t, DeviceAdded{Device: "d1", Group: lab}).When(remove).Then(DeviceRemoved{Device: "d1", Group: lab}).When(remove).ThenNothing()
	domaintest.Given[State](t).When(remove).ThenRefused(domain.ErrNotFound)
}

func TestChooseProfile(t *testing.T) {
	choose := func(from domain.LinkID, to domain.ProfileID, l domain.LinkID) ChooseProfile {
		return ChooseProfile{Tenant: tenant, Group: lab, From: from, To: to, Link: l, At: at}
	}
	first := ProfileChosen{Group: lab, To: "p1", Link: "k1"}
	given(t).When(choose("", "p1", "")).ThenRefused(ErrNoLink)
	given(t).When(choose("", "p1", "k1")).Then(first).When(choose("", "p1", "k2")).ThenNothing()
	given(t, first).When(choose("", "p2", "k2")).ThenRefused(ErrOtherProfile)
	given(t, first).When(choose("k0", "", "")).ThenRefused(ErrOtherProfile) // the same profile, but chosen anew meanwhile
	given(t, first).When(choose("k1", "p2", "k2")).Then(ProfileChosen{Group: lab, From: "p1", To: "p2", FromLink: "k1", Link: "k2"})
	given(t, first).When(choose("k1", "", "")).Then(ProfileChosen{Group: lab, From: "p1", FromLink: "k1"}).When(choose("k1", "", "")).ThenNothing()
	given(t, first, Renamed{Group: lab, To: "x"}, Moved{Group: lab, From: main, To: sales}).When(choose("", "p1", "")).ThenNothing() // it keeps its profile
	given(t, first).When(Delete{Tenant: tenant, Group: lab, At: at}).Then(Deleted{Group: lab, Parent: main, Name: "Labor", Profile: "p1", Link: "k1"})
	gone := choose("", "p1", "k1")
	gone.Group = "l1.gone"
	given(t).When(gone).ThenRefused(domain.ErrNotFound)
	if p, l := domaintest.Fold[State](append(tree[:len(tree):len(tree)], first)...).Profile(lab); p != "p1" || l != "k1" {
		t.Errorf("the group uses %s by %s", p, l)
	}
}

func TestMembers(t *testing.T) {
	s := domaintest.Fold[State](append(tree[:len(tree):len(tree)], DeviceAdded{Device: "d2", Group: lab}, DeviceAdded{Device: "d1", Group: lab}, DeviceAdded{Device: "d3", Group: main})...)
	if got := s.Members(lab); !slices.Equal(got, []domain.DeviceID{"d1", "d2"}) || s.Members(east) != nil {
		t.Errorf("members are %v", got)
	}
}

func TestWhatAnExpiredLicenseStillAllows(t *testing.T) {
	for _, c := range []any{CreateMain{}, RemoveDevice{}} {
		if _, ok := c.(domain.AllowedWhenExpired); !ok {
			t.Errorf("%T is refused", c)
		}
	}
	for _, c := range []any{Create{}, Rename{}, Move{}, Delete{}, AddDevice{}, MoveDevice{}, ChooseProfile{}} {
		if _, ok := c.(domain.AllowedWhenExpired); ok {
			t.Errorf("%T is allowed", c)
		}
	}
	var _ domain.Licensed = State{}
	if got := domaintest.Fold[State](tree...); got.License() != "l1" || got.Scope().Customer != "c1" {
		t.Errorf("the tree is of license %q, customer %q", got.License(), got.Scope().Customer)
	}
}

// Readers keep a state while the pipeline folds on; what they see must not change under them.
func TestAnOldStateStaysAsItWas(t *testing.T) {
	before := domaintest.Fold[State](tree...)
	after := before.Evolve(Renamed{Group: lab, From: "Labor", To: "x"}).Evolve(Deleted{Group: east}).Evolve(Created{Group: "l1.n", Parent: main, Name: "n"})
	if before.Name(lab) != "Labor" || !before.Has(east) || before.Has("l1.n") || after.Has(east) {
		t.Error("an event changed the state before it")
	}
}
