package user

import (
	"reflect"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var (
	at      = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	vera    = Details{Salutation: "mrs", FirstName: "Vera", Surname: "Vogel", Language: German}
	profile = Profile{Salutation: text("mrs"), FirstName: text("Vera"), Surname: text("Vogel"), Language: German}
	invite  = Invite{Tenant: tenant, Customer: "c1", User: "u1", Details: vera, Email: " vera@huber.example ", Role: domain.CustomerAdmin, By: domain.ResellerAdmin, At: at}
	invited = Invited{
		Tenant: tenant, Customer: "c1", User: "u1", Profile: profile, Email: text("vera@huber.example"), Role: domain.CustomerAdmin,
		ExpiresAt: at.Add(72 * time.Hour),
	}
	accepted    = Accepted{User: "u1", Person: "p1"}
	deactivated = Deactivated{User: "u1"}
	erased      = Erased{User: "u1"}
)

func text(s string) domain.Personal { return domain.Personal{Subject: "u1", Text: s} }

func TestInvite(t *testing.T) {
	domaintest.Given[State](t).When(invite).Then(invited).When(invite).ThenRefused(domain.ErrExists)
	for field, change := range map[string]func(*Invite){
		"/first_name": func(c *Invite) { c.Details.FirstName = " " },
		"/surname":    func(c *Invite) { c.Details.Surname = "" },
		"/salutation": func(c *Invite) { c.Details.Salutation = "dr" },
		"/language":   func(c *Invite) { c.Details.Language = "fr" },
		"/user":       func(c *Invite) { c.User = "u 1" },
		"/role":       func(c *Invite) { c.Role = domain.ResellerReadOnly },
	} {
		c := invite
		change(&c)
		domaintest.Given[State](t).When(c).ThenRefused(domain.ErrInvalid.At(field))
	}
	plain := invite
	plain.Details = Details{FirstName: "Vera", Surname: "Vogel"}
	without := invited
	without.Profile = Profile{FirstName: text("Vera"), Surname: text("Vogel"), Language: German}
	domaintest.Given[State](t).When(plain).Then(without)
}

func TestNobodyInvitesAboveHimself(t *testing.T) {
	c := invite
	c.By = domain.CustomerAdmin
	domaintest.Given[State](t).When(c).Then(invited)
	c.By, c.Customer, c.Role = domain.CustomerAdmin, "", domain.ResellerReadOnly
	domaintest.Given[State](t).When(c).ThenRefused(ErrRole)
	c.By = domain.ResellerTechnician
	domaintest.Given[State](t).When(c).ThenRefused(ErrRole)
}

func TestAddresses(t *testing.T) {
	for _, good := range []string{"a@b.de", "vera.vogel+av@mail.huber.example", "ü@bücher.example"} {
		if got, err := Address("/email", " "+good+" "); err != nil || got != good {
			t.Errorf("%q: %q, %v", good, got, err)
		}
	}
	for _, bad := range []string{"", "vera", "@b.de", "a@b", "a@@b.de", "a b@c.de", "a@b..de", "a@-b.de", "Vera <a@b.de>", "a@b.de,c@d.de", "a\x00@b.de"} {
		if got, err := Address("/email", bad); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

func TestAnInvitationIsAcceptedOnceAndInTime(t *testing.T) {
	accept := Accept{Tenant: tenant, User: "u1", Person: "p1", At: at.Add(72*time.Hour - time.Second)}
	domaintest.Given[State](t, invited).When(accept).Then(accepted).When(accept).ThenRefused(ErrInvitation)
	late := accept
	late.At = at.Add(72 * time.Hour)
	domaintest.Given[State](t, invited).When(late).ThenRefused(ErrInvitation)
	renewed := InvitationRenewed{User: "u1", ExpiresAt: late.At.Add(72 * time.Hour)}
	domaintest.Given[State](t, invited).When(RenewInvitation{Tenant: tenant, User: "u1", At: late.At}).Then(renewed).When(late).Then(accepted)
	domaintest.Given[State](t, invited, deactivated).When(accept).ThenRefused(ErrInvitation)
	domaintest.Given[State](t, invited, erased).When(accept).ThenRefused(ErrInvitation)
	domaintest.Given[State](t).When(accept).ThenRefused(ErrInvitation)
	nobody := accept
	nobody.Person = ""
	domaintest.Given[State](t, invited).When(nobody).ThenRefused(domain.ErrInvalid.At("/person"))
}

func TestRenewing(t *testing.T) {
	renew := RenewInvitation{Tenant: tenant, User: "u1", At: at}
	domaintest.Given[State](t, invited, accepted).When(renew).ThenRefused(ErrAccepted)
	domaintest.Given[State](t, invited, deactivated).When(renew).ThenRefused(ErrInactive)
	domaintest.Given[State](t, invited, erased).When(renew).ThenRefused(domain.ErrNotFound)
}

func TestAdmit(t *testing.T) {
	admit := Admit{Tenant: tenant, User: "u1", Person: "p1", Details: vera, Email: "vera@huber.example", Role: domain.ResellerAdmin, At: at}
	domaintest.Given[State](t).When(admit).Then(Admitted{
		Tenant: tenant, User: "u1", Person: "p1", Profile: profile, Email: text("vera@huber.example"), Role: domain.ResellerAdmin,
	}).When(admit).ThenRefused(domain.ErrExists)
	wrong := admit
	wrong.Customer = "c1"
	domaintest.Given[State](t).When(wrong).ThenRefused(ErrWrongOrg)
	if s := domaintest.Fold[State](Admitted{Tenant: tenant, User: "u1", Person: "p1", Role: domain.ResellerAdmin}); !s.Active() || !s.Administers() {
		t.Errorf("admitted: %+v", s)
	}
}

func TestChangeProfile(t *testing.T) {
	change := ChangeProfile{Tenant: tenant, User: "u1", Details: vera, At: at}
	domaintest.Given[State](t, invited).When(change).ThenNothing()
	change.Details.Surname, change.Details.Language = "Huber", English
	to := Profile{Salutation: text("mrs"), FirstName: text("Vera"), Surname: text("Huber"), Language: English}
	domaintest.Given[State](t, invited, accepted).When(change).Then(ProfileChanged{User: "u1", From: profile, To: to}).When(change).ThenNothing()
	domaintest.Given[State](t, invited, deactivated).When(change).ThenRefused(ErrInactive)
	change.Details.FirstName = ""
	domaintest.Given[State](t, invited).When(change).ThenRefused(domain.ErrInvalid.At("/first_name"))
	if change.Needs() != domain.ManageUsers || (ChangeProfile{Self: true}).Needs() != domain.ManageSelf {
		t.Error("who may change a profile?")
	}
}

func TestWhoseAddressItIs(t *testing.T) {
	change := ChangeEmail{Tenant: tenant, User: "u1", Email: "v@huber.example", At: at}
	changed := EmailChanged{User: "u1", From: text("vera@huber.example"), To: text("v@huber.example")}
	domaintest.Given[State](t, invited).When(change).Then(changed).When(change).ThenNothing()
	domaintest.Given[State](t, invited, accepted).When(change).ThenRefused(ErrOwnAddress)
	change.Self = true
	domaintest.Given[State](t, invited, accepted).When(change).Then(changed)
	change.Email = "v"
	domaintest.Given[State](t, invited, accepted).When(change).ThenRefused(domain.ErrInvalid.At("/email"))
}

func TestChangeRole(t *testing.T) {
	change := ChangeRole{Tenant: tenant, User: "u1", Role: domain.CustomerReadOnly, By: domain.CustomerAdmin, At: at}
	domaintest.Given[State](t, invited).When(change).
		Then(RoleChanged{User: "u1", From: domain.CustomerAdmin, To: domain.CustomerReadOnly}).When(change).ThenNothing()
	change.By = domain.CustomerReadOnly
	domaintest.Given[State](t, invited).When(change).ThenRefused(ErrRole)
	change.By, change.Role = domain.ResellerAdmin, domain.ResellerAdmin
	domaintest.Given[State](t, invited).When(change).ThenRefused(ErrWrongOrg)
	admin := Admitted{Tenant: tenant, User: "u1", Person: "p1", Role: domain.ResellerAdmin}
	domaintest.Given[State](t, admin).When(ChangeRole{Tenant: tenant, User: "u1", Role: domain.Auditor, By: domain.CustomerAdmin, At: at}).ThenRefused(ErrRole)
}

func TestDeactivateAndReactivate(t *testing.T) {
	off := Deactivate{Tenant: tenant, User: "u1", By: domain.CustomerAdmin, At: at}
	on := Reactivate{Tenant: tenant, User: "u1", By: domain.CustomerAdmin, At: at}
	domaintest.Given[State](t, invited, accepted).When(off).Then(deactivated).When(on).Then(Reactivated{User: "u1"}).When(on).ThenNothing()
	domaintest.Given[State](t, invited, deactivated).When(off).ThenNothing()
	domaintest.Given[State](t, invited, erased).When(on).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t).When(off).ThenRefused(domain.ErrNotFound)
	off.By, on.By = domain.CustomerReadOnly, domain.CustomerReadOnly
	domaintest.Given[State](t, invited).When(off).ThenRefused(ErrRole.At(""))
	domaintest.Given[State](t, invited, deactivated).When(on).ThenRefused(ErrRole.At(""))
}

func TestErase(t *testing.T) {
	erase := Erase{Tenant: tenant, User: "u1", By: domain.ResellerAdmin, At: at}
	domaintest.Given[State](t, invited, accepted).When(erase).Then(erased).When(erase).ThenNothing()
	domaintest.Given[State](t, invited, deactivated).When(erase).Then(erased)
	domaintest.Given[State](t).When(erase).ThenRefused(domain.ErrNotFound)
	s := domaintest.Fold[State](invited, accepted, erased)
	if !s.Erased() || s.Active() || s.Email() != (domain.Personal{}) || s.Profile() != (Profile{}) || s.Scope().Customer != "c1" {
		t.Errorf("what is left: %+v", s)
	}
}

func TestColumns(t *testing.T) {
	choose := ChooseColumns{Tenant: tenant, User: "u1", Table: DeviceTable, Columns: []string{"hostname", "last_seen"}, At: at}
	chosen := ColumnsChosen{User: "u1", Table: DeviceTable, Columns: choose.Columns}
	domaintest.Given[State](t, invited, accepted).When(choose).Then(chosen).When(choose).ThenNothing()
	s := domaintest.Fold[State](invited, accepted, chosen)
	if !reflect.DeepEqual(s.Columns(DeviceTable), choose.Columns) || s.Columns(LicenseTable) != nil {
		t.Errorf("columns %v", s.columns)
	}
	for field, columns := range map[string][]string{"/columns/devices/1": {"a", "a"}, "/columns/devices/0": {"a b"}, "/columns/devices": make([]string, 41)} {
		choose.Columns = columns
		domaintest.Given[State](t, invited, accepted).When(choose).ThenRefused(domain.ErrInvalid.At(field))
	}
	choose.Table = "people"
	domaintest.Given[State](t, invited, accepted).When(choose).ThenRefused(domain.ErrInvalid)
}

func TestTheWebinarIsSeenOnce(t *testing.T) {
	see := SeeWebinar{Tenant: tenant, User: "u1", At: at}
	domaintest.Given[State](t, invited, accepted).When(see).Then(WebinarSeen{User: "u1"}).When(see).ThenNothing()
}

func TestReadOnlyLinks(t *testing.T) {
	first, second := ActivateLink{Tenant: tenant, User: "u1", Link: "k1", At: at}, ActivateLink{Tenant: tenant, User: "u1", Link: "k2", At: at}
	off := DeactivateLink{Tenant: tenant, User: "u1", At: at}
	one, two := LinkActivated{User: "u1", Link: "k1"}, LinkActivated{User: "u1", Link: "k2", Replaces: "k1"}
	domaintest.Given[State](t, invited, accepted).When(first).Then(one).When(second).Then(two).When(off).Then(LinkDeactivated{User: "u1", Link: "k2"}).When(off).ThenNothing()
	domaintest.Given[State](t, invited, accepted, one).When(first).ThenNothing()
	domaintest.Given[State](t, invited, accepted, deactivated).When(first).ThenRefused(ErrInactive)
	if s := domaintest.Fold[State](invited, accepted, one, deactivated, Reactivated{User: "u1"}); s.Link() != "" {
		t.Error("a link outlives the person's access")
	}
}

func TestChangesOfCredentialsAreNoted(t *testing.T) {
	for change, want := range map[CredentialChange]domain.Event{
		SetPassword: PasswordChanged{User: "u1"}, SwitchCodesOn: CodesSwitchedOn{User: "u1"}, SwitchCodesOff: CodesSwitchedOff{User: "u1"},
		RenewRecovery: RecoveryCodesRenewed{User: "u1"}, AddPasskey: PasskeyAdded{User: "u1", Passkey: "k1"}, RemovePasskey: PasskeyRemoved{User: "u1", Passkey: "k1"},
	} {
		note := NoteCredentials{Tenant: tenant, User: "u1", Change: change, Passkey: "k1", At: at}
		domaintest.Given[State](t, invited, accepted).When(note).Then(want).When(note).Then(want)
		domaintest.Given[State](t, invited, accepted, deactivated).When(note).ThenRefused(ErrInactive)
		domaintest.Given[State](t).When(note).ThenRefused(domain.ErrNotFound)
		if domain.ResellerAdmin.Allows(note.Needs()) {
			t.Error("somebody else than the portal may say so")
		}
	}
	domaintest.Given[State](t, invited, accepted).When(NoteCredentials{Tenant: tenant, User: "u1", Change: AddPasskey, At: at}).ThenRefused(domain.ErrInvalid.At("/passkey"))
	domaintest.Given[State](t, invited, accepted).When(NoteCredentials{Tenant: tenant, User: "u1", Change: "face", Passkey: "k1", At: at}).ThenRefused(domain.ErrInvalid.At("/change"))
}

func TestANewPasswordIsAskedFor(t *testing.T) {
	ask := RequestRecovery{Tenant: tenant, User: "u1", At: at}
	asked := RecoveryRequested{User: "u1", ExpiresAt: at.Add(time.Hour)}
	domaintest.Given[State](t, invited, accepted).When(ask).Then(asked).When(ask).Then(asked) // each has a mail of its own
	domaintest.Given[State](t, invited).When(ask).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t, invited, accepted, deactivated).When(ask).ThenRefused(ErrInactive)
	if domain.ResellerAdmin.Allows(ask.Needs()) {
		t.Error("somebody else than the portal may ask")
	}
}
