package commands_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/team"
	"avportal/domain/token"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/eventstore/people"
	"avportal/projections/postgres/postgrestest"
)

// office is a write side with a vault of people.
type office struct {
	bench
	vault *people.Vault
}

func open(t *testing.T) office {
	t.Helper()
	vault := must(people.Open(t.Context(), postgrestest.Pool(t), func() time.Time { return now }))(t)
	store := memory.New(catalog.Registry()).WithKeys(vault)
	store.SetClock(func() time.Time { return now })
	return office{bench{t, store, commands.New(store, commands.People(vault))}, vault}
}

func invitation(u domain.UserID, c domain.CustomerID, role domain.Role) user.Invite {
	return user.Invite{
		Tenant: tenant, Customer: c, User: u, Details: user.Details{FirstName: "Vera", Surname: "Vogel"}, Email: string(u) + "@huber.example",
		Role: role, At: now,
	}
}

// member invites and accepts.
func (o office) member(u domain.UserID, c domain.CustomerID, role domain.Role) {
	o.Helper()
	must(commands.InviteUser(o.Context(), o.h, request(admin()), invitation(u, c, role)))(o.T)
	_, secret, err := commands.IssueInvitation(o.Context(), o.h, now, tenant, u)
	if err != nil {
		o.Fatal(err)
	}
	if _, _, err := commands.AcceptInvitation(o.Context(), o.h, commands.Request{At: now, ID: uuid.New()}, secret, domain.PersonID("p-"+u)); err != nil {
		o.Fatal(err)
	}
}

func (o office) state(u domain.UserID) (out user.State) {
	o.Helper()
	if err := commands.Inspect(o.Context(), o.h, user.Stream(tenant, u), func(s user.State, _ eventstore.Revision) { out = s }); err != nil {
		o.Fatal(err)
	}
	return out
}

func (o office) administrators() string {
	o.Helper()
	var out []domain.UserID
	err := commands.Inspect(o.Context(), o.h, team.Stream(tenant), func(s team.State, _ eventstore.Revision) {
		for _, u := range []domain.UserID{"u1", "u2", "u3"} {
			if s.Has(u) {
				out = append(out, u)
			}
		}
	})
	if err != nil {
		o.Fatal(err)
	}
	return fmt.Sprint(out)
}

func refused[T any](t *testing.T, want error) func(T, error) {
	return func(_ T, err error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

func TestAnAddressBelongsToOneMemberOfAnOrganization(t *testing.T) {
	o := open(t)
	o.customer("c1")
	taken := refused[commands.Result](t, user.ErrEmailTaken)
	rq := request(admin())
	must(commands.InviteUser(t.Context(), o.h, rq, invitation("u1", "c1", domain.CustomerAdmin)))(t)
	again := must(commands.InviteUser(t.Context(), o.h, rq, invitation("u1", "c1", domain.CustomerAdmin)))(t)
	if !again.Replayed {
		t.Errorf("the same invitation again: %+v", again)
	}
	second := invitation("u2", "c1", domain.CustomerReadOnly)
	second.Email = "U1@HUBER.example"
	taken(commands.InviteUser(t.Context(), o.h, request(admin()), second))
	elsewhere := second
	elsewhere.Customer, elsewhere.Role, elsewhere.User = "", domain.Auditor, "u3"
	must(commands.InviteUser(t.Context(), o.h, request(admin()), elsewhere))(t)

	must(commands.ChangeEmail(t.Context(), o.h, request(admin()), user.ChangeEmail{Tenant: tenant, User: "u1", Email: "new@huber.example", At: now}))(t)
	must(commands.InviteUser(t.Context(), o.h, request(admin()), second))(t) // the address is free now
	taken(commands.ChangeEmail(t.Context(), o.h, request(admin()), user.ChangeEmail{Tenant: tenant, User: "u2", Email: "new@huber.example", At: now}))

	must(commands.DeactivateUser(t.Context(), o.h, request(admin()), user.Deactivate{Tenant: tenant, User: "u1", At: now}))(t)
	must(commands.ChangeEmail(t.Context(), o.h, request(admin()), user.ChangeEmail{Tenant: tenant, User: "u2", Email: "new@huber.example", At: now}))(t)
	taken(commands.ReactivateUser(t.Context(), o.h, request(admin()), user.Reactivate{Tenant: tenant, User: "u1", At: now}))
	must(commands.EraseUser(t.Context(), o.h, request(admin()), user.Erase{Tenant: tenant, User: "u2", At: now}))(t)
	must(commands.ReactivateUser(t.Context(), o.h, request(admin()), user.Reactivate{Tenant: tenant, User: "u1", At: now}))(t)
}

// Whoever took an address and never became a member must give way, but not while his command may be under way.
func TestAnAddressThatCameToNothingIsFree(t *testing.T) {
	o := open(t)
	org := domain.Scope{Tenant: tenant}
	must(o.vault.TakeAddress(t.Context(), org, "u1@huber.example", "lost"))(t)
	rq := request(admin())
	refused[commands.Result](t, domain.ErrBusy)(commands.InviteUser(t.Context(), o.h, rq, invitation("u1", "", domain.Auditor)))
	rq.At = now.Add(time.Minute)
	must(commands.InviteUser(t.Context(), o.h, rq, invitation("u1", "", domain.Auditor)))(t)
}

func TestOnlyOneOfManyInvitationsGetsTheAddress(t *testing.T) {
	o := open(t)
	var all sync.WaitGroup
	var done, other int
	var mu sync.Mutex
	for i := range 12 {
		all.Go(func() {
			c := invitation(domain.UserID(fmt.Sprintf("u%d", i)), "", domain.Auditor)
			c.Email = "same@huber.example"
			_, err := commands.InviteUser(t.Context(), o.h, request(admin()), c)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done++
			} else if !errors.Is(err, user.ErrEmailTaken) && !errors.Is(err, domain.ErrBusy) {
				other++
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done != 1 {
		t.Errorf("%d were invited", done)
	}
}

func TestAnInvitationIsAcceptedByOne(t *testing.T) {
	o := open(t)
	must(commands.InviteUser(t.Context(), o.h, request(admin()), invitation("u1", "", domain.ResellerAdmin)))(t)
	_, first, err := commands.IssueInvitation(t.Context(), o.h, now, tenant, "u1")
	check(t, err)
	must(commands.RenewInvitation(t.Context(), o.h, request(admin()), user.RenewInvitation{Tenant: tenant, User: "u1", At: now}))(t)
	refused[commands.OpenInvitation](t, user.ErrInvitation)(commands.FindInvitation(t.Context(), o.h, now, first))
	shown, secret, err := commands.IssueInvitation(t.Context(), o.h, now, tenant, "u1")
	check(t, err)
	if found, err := commands.FindInvitation(t.Context(), o.h, now, secret); err != nil || found != shown || found.Email.Text != "u1@huber.example" || found.Role != domain.ResellerAdmin {
		t.Errorf("the invitation: %+v, %v", found, err)
	}
	refused[commands.OpenInvitation](t, user.ErrInvitation)(commands.FindInvitation(t.Context(), o.h, now.Add(user.InvitationLifetime), secret))

	var all sync.WaitGroup
	results := make([]error, 50)
	for i := range results {
		all.Go(func() {
			_, _, results[i] = commands.AcceptInvitation(t.Context(), o.h, commands.Request{At: now, ID: uuid.New()}, secret, domain.PersonID(fmt.Sprintf("p%d", i)))
		})
	}
	all.Wait()
	accepted := 0
	for _, err := range results {
		if err == nil {
			accepted++
		} else if !errors.Is(err, user.ErrInvitation) {
			t.Error(err)
		}
	}
	if s := o.state("u1"); accepted != 1 || !s.Active() || o.administrators() != "[u1]" {
		t.Errorf("%d have accepted; %+v; administrators %s", accepted, s, o.administrators())
	}
}

// Nobody becomes by an invitation what the one who invited him could not make him any more.
func TestAnInvitationIsWorthWhatItsSenderMayGive(t *testing.T) {
	for what, void := range map[string]func(o office){
		"demoted": func(o office) {
			must(commands.ChangeRole(o.Context(), o.h, request(admin()), user.ChangeRole{Tenant: tenant, User: "boss", Role: domain.ResellerTechnician, At: now}))(o.T)
		},
		"deactivated": func(o office) {
			must(commands.DeactivateUser(o.Context(), o.h, request(admin()), user.Deactivate{Tenant: tenant, User: "boss", At: now}))(o.T)
		},
		"erased": func(o office) {
			must(commands.EraseUser(o.Context(), o.h, request(admin()), user.Erase{Tenant: tenant, User: "boss", At: now}))(o.T)
		},
	} {
		t.Run(what, func(t *testing.T) {
			o := open(t)
			o.member("boss", "", domain.ResellerAdmin)
			o.member("other", "", domain.ResellerAdmin)
			boss := domain.Actor{Kind: domain.ActorUser, ID: "boss", Role: domain.ResellerAdmin, Tenant: tenant}
			must(commands.InviteUser(t.Context(), o.h, request(boss), invitation("u1", "", domain.Auditor)))(t)
			_, secret, err := commands.IssueInvitation(t.Context(), o.h, now, tenant, "u1")
			check(t, err)
			void(o)
			refused[commands.OpenInvitation](t, user.ErrInvitation)(commands.FindInvitation(t.Context(), o.h, now, secret))
			must(commands.RenewInvitation(t.Context(), o.h, request(admin()), user.RenewInvitation{Tenant: tenant, User: "u1", At: now}))(t)
			_, _, err = commands.IssueInvitation(t.Context(), o.h, now, tenant, "u1")
			check(t, err)
		})
	}
}

func TestAnInvitationByATokenEndsWithIt(t *testing.T) {
	o := open(t)
	id := token.ID(uuid.NewString())
	must(commands.Do[token.State](t.Context(), o.h, request(admin()), token.Create{Tenant: tenant, Token: id, Name: "PSA", Role: domain.ResellerAdmin, At: now}))(t)
	by := domain.Actor{Kind: domain.ActorUser, ID: "token-" + string(id), Role: domain.ResellerAdmin, Tenant: tenant}
	must(commands.InviteUser(t.Context(), o.h, request(by), invitation("u1", "", domain.Auditor)))(t)
	_, secret, err := commands.IssueInvitation(t.Context(), o.h, now, tenant, "u1")
	check(t, err)
	must(commands.FindInvitation(t.Context(), o.h, now, secret))(t)
	must(commands.Do[token.State](t.Context(), o.h, request(admin()), token.Revoke{Tenant: tenant, Token: id, At: now}))(t)
	refused[commands.OpenInvitation](t, user.ErrInvitation)(commands.FindInvitation(t.Context(), o.h, now, secret))
}

// admission is what the Reseller Portal says of somebody.
func admission(u domain.UserID, email string) user.Admit {
	return user.Admit{
		Tenant: tenant, User: u, Person: "rsp-" + domain.PersonID(u), Email: email, Role: domain.ResellerAdmin, At: now,
		Details: user.Details{FirstName: "Vera", Surname: "Vogel"},
	}
}

// Who is invited and comes through the Reseller Portal is the one who was invited, with that role.
func TestTheResellerPortalsWordAcceptsAnInvitation(t *testing.T) {
	o := open(t)
	portal := request(domain.SystemActor("reseller portal", tenant))
	must(commands.InviteUser(t.Context(), o.h, request(admin()), invitation("u1", "", domain.ResellerReadOnly)))(t)
	_, secret, err := commands.IssueInvitation(t.Context(), o.h, now, tenant, "u1")
	check(t, err)
	for range 2 { // the second time he is it already
		portal.ID = uuid.New()
		who, _, err := commands.AdmitUser(t.Context(), o.h, portal, admission("r1", "U1@huber.example"))
		if s := o.state("u1"); err != nil || who != "u1" || !s.Active() || s.Role() != domain.ResellerReadOnly || s.Person() != "rsp-r1" || o.state("r1").Exists() {
			t.Fatalf("he is %s: %+v, %v", who, s, err)
		}
	}
	refused[commands.OpenInvitation](t, user.ErrInvitation)(commands.FindInvitation(t.Context(), o.h, now, secret)) // it is used up
	portal.ID = uuid.New()
	if _, _, err := commands.AdmitUser(t.Context(), o.h, portal, admission("r2", "u1@huber.example")); !errors.Is(err, user.ErrEmailTaken) {
		t.Errorf("somebody else with this address: %v", err)
	}
}

// An invitation that nobody accepted in time locks nobody out.
func TestALapsedInvitationStandsInNobodysWay(t *testing.T) {
	o := open(t)
	must(commands.InviteUser(t.Context(), o.h, request(admin()), invitation("u1", "", domain.ResellerReadOnly)))(t)
	rq := request(domain.SystemActor("reseller portal", tenant))
	rq.At = now.Add(user.InvitationLifetime)
	who, _, err := commands.AdmitUser(t.Context(), o.h, rq, admission("r1", "u1@huber.example"))
	if s := o.state("r1"); err != nil || who != "r1" || s.Role() != domain.ResellerAdmin || o.state("u1").Present() {
		t.Errorf("he is %s: %+v, %v", who, s, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	o := open(t)
	o.member("u1", "", domain.ResellerAdmin)
	last := refused[commands.Result](t, team.ErrLast)
	demote := func(u domain.UserID) (commands.Result, error) {
		return commands.ChangeRole(t.Context(), o.h, request(admin()), user.ChangeRole{Tenant: tenant, User: u, Role: domain.Auditor, At: now})
	}
	deactivate := func(u domain.UserID) (commands.Result, error) {
		return commands.DeactivateUser(t.Context(), o.h, request(admin()), user.Deactivate{Tenant: tenant, User: u, At: now})
	}
	erase := func(u domain.UserID) (commands.Result, error) {
		return commands.EraseUser(t.Context(), o.h, request(admin()), user.Erase{Tenant: tenant, User: u, At: now})
	}
	last(demote("u1"))
	last(deactivate("u1"))
	last(erase("u1"))
	o.member("u2", "", domain.ResellerTechnician)
	last(demote("u1"))
	must(commands.ChangeRole(t.Context(), o.h, request(admin()), user.ChangeRole{Tenant: tenant, User: "u2", Role: domain.ResellerAdmin, At: now}))(t)
	must(demote("u1"))(t)
	last(deactivate("u2"))
	if got := o.administrators(); got != "[u2]" {
		t.Errorf("administrators %s", got)
	}
}

func TestTwoAdministratorsCanNotBothLeave(t *testing.T) {
	for range 10 {
		o := open(t)
		o.member("u1", "", domain.ResellerAdmin)
		o.member("u2", "", domain.ResellerAdmin)
		var all sync.WaitGroup
		for _, u := range []domain.UserID{"u1", "u2"} {
			all.Go(func() {
				_, err := commands.DeactivateUser(t.Context(), o.h, request(admin()), user.Deactivate{Tenant: tenant, User: u, At: now})
				if err != nil && !errors.Is(err, team.ErrLast) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if o.state("u1").Active() == o.state("u2").Active() {
			t.Errorf("u1 %v, u2 %v: want one of them", o.state("u1").Active(), o.state("u2").Active())
		}
	}
}

// A portal that is killed between the team and the member leaves what the policy puts right.
func TestHalfDoneChangesOfAdministratorsAreSettled(t *testing.T) {
	o := open(t)
	o.member("u1", "", domain.ResellerAdmin)
	o.member("u2", "", domain.ResellerAdmin)
	for n := 1; n < 8; n++ {
		killed := commands.New(killedAt(n, n%2 == 0, o.store), commands.People(o.vault))
		_, err := commands.DeactivateUser(t.Context(), killed, request(admin()), user.Deactivate{Tenant: tenant, User: "u1", At: now})
		for _, r := range o.log() {
			if commands.MaySettle(r) {
				check(t, commands.SettleAfter(t.Context(), commands.New(o.store, commands.People(o.vault)), r))
			}
		}
		want := "[u1 u2]"
		if !o.state("u1").Active() {
			want = "[u2]"
		}
		if got := o.administrators(); got != want {
			t.Fatalf("killed at %d (%v): administrators %s, want %s", n, err, got, want)
		}
		if err == nil {
			break
		}
	}
}

func TestErasureIsFinishedByThePolicy(t *testing.T) {
	o := open(t)
	o.member("u1", "", domain.Auditor)
	must(commands.Do[user.State](t.Context(), o.h, request(admin()), user.Erase{Tenant: tenant, User: "u1", By: domain.ResellerAdmin, At: now}))(t) // and then killed
	if _, ok, err := o.vault.Open(t.Context(), "u1"); !ok || err != nil {
		t.Fatalf("the key is gone already: %v", err)
	}
	for range 2 {
		for _, r := range o.log() {
			check(t, commands.ForgetErased(t.Context(), o.h, r))
		}
	}
	if _, ok, err := o.vault.Open(t.Context(), "u1"); ok || err != nil {
		t.Errorf("the key is still there: %v", err)
	}
	for _, r := range o.log() {
		if e, ok := r.Event.(user.Invited); ok && (!e.Email.Erased() || !e.Profile.FirstName.Erased()) {
			t.Errorf("the log still tells %+v", domain.PersonalTexts(e))
		}
	}
	fresh := commands.New(o.store, commands.People(o.vault)) // a stream whose texts are gone can still be folded
	again := must(commands.EraseUser(context.Background(), fresh, request(admin()), user.Erase{Tenant: tenant, User: "u1", At: now}))(t)
	if again.Events != 0 {
		t.Error("erased twice")
	}
}

func TestForeignersSeeNoMembers(t *testing.T) {
	o := open(t)
	o.customer("c1")
	o.customer("c2")
	o.member("u1", "c1", domain.CustomerAdmin)
	stranger := domain.Actor{Kind: domain.ActorUser, ID: "x", Role: domain.ResellerAdmin, Tenant: foreign}
	beside := domain.Actor{Kind: domain.ActorUser, ID: "x", Role: domain.CustomerAdmin, Tenant: tenant, Customer: "c2"}
	missing := refused[commands.Result](t, domain.ErrNotFound)
	for _, actor := range []domain.Actor{stranger, beside} {
		missing(commands.InviteUser(t.Context(), o.h, request(actor), invitation("u9", "c1", domain.CustomerReadOnly)))
		missing(commands.ChangeEmail(t.Context(), o.h, request(actor), user.ChangeEmail{Tenant: tenant, User: "u1", Email: "x@y.example", At: now}))
		missing(commands.ChangeRole(t.Context(), o.h, request(actor), user.ChangeRole{Tenant: tenant, User: "u1", Role: domain.CustomerReadOnly, At: now}))
		missing(commands.DeactivateUser(t.Context(), o.h, request(actor), user.Deactivate{Tenant: tenant, User: "u1", At: now}))
		missing(commands.ReactivateUser(t.Context(), o.h, request(actor), user.Reactivate{Tenant: tenant, User: "u1", At: now}))
		missing(commands.EraseUser(t.Context(), o.h, request(actor), user.Erase{Tenant: tenant, User: "u1", At: now}))
		missing(commands.RenewInvitation(t.Context(), o.h, request(actor), user.RenewInvitation{Tenant: tenant, User: "u1", At: now}))
	}
	missing(commands.InviteUser(t.Context(), o.h, request(admin()), invitation("u9", "nobody", domain.CustomerReadOnly)))
	reader := domain.Actor{Kind: domain.ActorUser, ID: "x", Role: domain.CustomerReadOnly, Tenant: tenant, Customer: "c1"}
	refused[commands.Result](t, domain.ErrForbidden)(commands.InviteUser(t.Context(), o.h, request(reader), invitation("u9", "c1", domain.CustomerReadOnly)))
}

func TestAReadOnlyLinkHoldsUntilTheLogSaysOtherwise(t *testing.T) {
	o := open(t)
	o.customer("c1")
	o.member("u1", "c1", domain.CustomerAdmin)
	own := request(domain.Actor{Kind: domain.ActorUser, ID: "u1", Role: domain.CustomerAdmin, Tenant: tenant, Customer: "c1"})
	activate := func() string {
		t.Helper()
		own.ID = uuid.New()
		secret, _, err := commands.ActivateLink(t.Context(), o.h, own, tenant, "u1")
		check(t, err)
		return secret
	}
	first := activate()
	want := domain.Actor{Kind: domain.ActorUser, ID: "u1", Role: domain.CustomerReadOnly, Tenant: tenant, Customer: "c1"}
	if got, err := commands.FindLink(t.Context(), o.h, first); err != nil || got != want {
		t.Errorf("the link reads as %+v, %v", got, err)
	}
	second := activate()
	gone := refused[domain.Actor](t, domain.ErrNotFound)
	gone(commands.FindLink(t.Context(), o.h, first))
	must(commands.FindLink(t.Context(), o.h, second))(t)
	must(commands.DeactivateUser(t.Context(), o.h, request(admin()), user.Deactivate{Tenant: tenant, User: "u1", At: now}))(t)
	gone(commands.FindLink(t.Context(), o.h, second))
	must(commands.ReactivateUser(t.Context(), o.h, request(admin()), user.Reactivate{Tenant: tenant, User: "u1", At: now}))(t)
	gone(commands.FindLink(t.Context(), o.h, second))
	third := activate()
	own.ID = uuid.New()
	must(commands.DeactivateLink(t.Context(), o.h, own, user.DeactivateLink{Tenant: tenant, User: "u1", At: now}))(t)
	gone(commands.FindLink(t.Context(), o.h, third))
}
