package job

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var (
	at       = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	items    = []Item{"d1", "d2", "d3"}
	accepted = Accepted{Tenant: tenant, Job: "j1", Order: Order{Action: MoveDevices, To: "l1.lab"}, Items: items}
	accept   = Accept{Tenant: tenant, Job: "j1", Order: Order{Action: MoveDevices, To: "l1.lab"}, Items: items, At: at}
	good     = Result{Item: "d1", OK: true}
	bad      = Result{Item: "d2", Code: "no_seats", Message: "Every seat is in use."}
	last     = Result{Item: "d3", OK: true}
)

func TestAccept(t *testing.T) {
	domaintest.Given[State](t).When(accept).Then(accepted).When(accept).ThenNothing()
	other := accept
	other.Order.To = "l1.main"
	domaintest.Given[State](t, accepted).When(other).ThenRefused(domain.ErrExists)

	many := make([]Item, MaxItems+1)
	for i := range many {
		many[i] = Item(fmt.Sprint(i))
	}
	for field, spoil := range map[string]func(*Accept){
		"/job":     func(c *Accept) { c.Job = "" },
		"/action":  func(c *Accept) { c.Order.Action = "format_devices" },
		"/to":      func(c *Accept) { c.Order.To = "lab" },
		"/items":   func(c *Accept) { c.Items = many },
		"/items/1": func(c *Accept) { c.Items = []Item{"d1", "d1"} },
		"/items/0": func(c *Accept) { c.Items = []Item{"d 1"} },
	} {
		c := accept
		spoil(&c)
		domaintest.Given[State](t).When(c).ThenRefused(domain.ErrInvalid.At(field))
	}
	none, full := accept, accept
	none.Items, full.Items = nil, many[:MaxItems]
	domaintest.Given[State](t).When(none).ThenRefused(domain.ErrInvalid.At("/items"))
	if _, err := full.Decide(State{}); err != nil {
		t.Errorf("%d items are refused: %v", MaxItems, err)
	}
}

func TestWhatAJobCanDo(t *testing.T) {
	for _, order := range []Order{
		{Action: ScanDevices, Profile: "full"}, {Action: UpdateDevices}, {Action: TransmitProfiles}, {Action: LabelDevices, Label: "Kasse"}, {Action: LabelDevices},
		{Action: RemoveDevices, Reason: "alt"}, {Action: UndoMove, Undoes: "j0"}, {Action: AssignProfile, Configuration: "p1"},
	} {
		c := accept
		c.Order = order
		domaintest.Given[State](t).When(c).Then(Accepted{Tenant: tenant, Job: "j1", Order: order, Items: items}).When(c).ThenNothing()
	}
	for field, order := range map[string]Order{
		"/profile": {Action: ScanDevices}, "/label": {Action: LabelDevices, Label: "a\nb"}, "/reason": {Action: RemoveDevices, Reason: "\xff"},
		"/undoes": {Action: UndoMove}, "/configuration": {Action: AssignProfile},
	} {
		c := accept
		c.Order = order
		domaintest.Given[State](t).When(c).ThenRefused(domain.ErrInvalid.At(field))
	}
	if (Accept{Order: Order{Action: AssignProfile}}).Needs() != domain.ManageProfiles || accept.Needs() != domain.ManageDevices {
		t.Error("a job needs the right to do what it does")
	}
}

func progress(results ...Result) Progress {
	return Progress{Tenant: tenant, Job: "j1", Results: results, At: at}
}

func progressed(done int, results ...Result) Progressed {
	return Progressed{Job: "j1", Results: results, Done: done, Total: 3}
}

func TestProgress(t *testing.T) {
	domaintest.Given[State](t, accepted).
		When(progress(good)).Then(progressed(1, good)).
		When(progress(good, bad, bad)).Then(progressed(2, bad)). // what was told is not told again
		When(progress(last)).Then(progressed(3, last), Finished{Job: "j1", Succeeded: 2, Failed: 1}).
		When(progress(good, bad, last)).ThenNothing()
	domaintest.Given[State](t, accepted).When(progress()).ThenNothing()
	domaintest.Given[State](t, accepted).When(progress(good, Result{Item: "d4"})).ThenRefused(domain.ErrInvalid.At("/results/1/item"))
	domaintest.Given[State](t, accepted).When(progress(Result{Item: "d1", Message: "\x00"})).ThenRefused(domain.ErrInvalid.At("/results/0/message"))
	domaintest.Given[State](t, accepted).When(progress(Result{Item: "d1", Code: "\xff"})).ThenRefused(domain.ErrInvalid.At("/results/0/code"))
	domaintest.Given[State](t, accepted).When(progress(make([]Result, MaxResults+1)...)).ThenRefused(domain.ErrInvalid.At("/results"))
	domaintest.Given[State](t).When(progress(good)).ThenRefused(domain.ErrNotFound)
}

func TestStateTellsProgress(t *testing.T) {
	s := domaintest.Fold[State](accepted, progressed(2, bad, good))
	done, total, failed := s.Progress()
	if done != 2 || total != 3 || failed != 1 || s.Ended() || s.To() != "l1.lab" || s.Action() != MoveDevices {
		t.Errorf("%d of %d, %d failed, ended %v", done, total, failed, s.Ended())
	}
	if !slices.Equal(s.Results(), []Result{bad, good}) || !slices.Equal(s.Remaining(), []Item{"d3"}) || !slices.Equal(s.Items(), items) {
		t.Errorf("results %v, remaining %v", s.Results(), s.Remaining())
	}
	if s.Evolve(Finished{}); s.Ended() || !s.Evolve(Finished{}).Ended() {
		t.Error("a job ends with its last result")
	}
}

func TestScopeIsWhoTheJobIsFor(t *testing.T) {
	c := accept
	c.Customer = "c1"
	events, err := c.Decide(State{})
	if err != nil {
		t.Fatal(err)
	}
	if got := domaintest.Fold[State](events...); got.Scope() != c.Creates() || got.Scope().Customer != "c1" {
		t.Errorf("the scope is %+v", got.Scope())
	}
}
