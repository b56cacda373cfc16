package mail_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/group"
	"avportal/domain/license"
	mails "avportal/domain/mail"
	"avportal/domain/notice"
	"avportal/domain/profile"
	"avportal/eventstore"
)

const main = domain.GroupID("l1.main")

// guarded has a customer whose group uses a profile with recipients.
func guarded(t *testing.T, to ...profile.Recipient) *office {
	t.Helper()
	o := openOffice(t)
	rq := func() commands.Request { return commands.Request{Actor: admin, At: o.clock(), ID: uuid.New()} }
	do[customer.State](o, admin, customer.Import{Tenant: tenant, Customer: "c1", Name: "Huber & Söhne", At: o.clock()})
	_, err := commands.ImportLicense(t.Context(), o.h, rq(), license.Import{
		Tenant: tenant, License: "l1", Customer: "c1", Name: "Antivirus", Key: domain.NewTID(tenant, "l1", [10]byte{1}), Kind: license.Purchase, Seats: 5, TermYears: 1,
		ValidFrom: o.clock().AddDate(0, -1, 0), ValidUntil: o.clock().AddDate(0, 11, 0), At: o.clock(),
	})
	check(t, err)
	settings := profile.Defaults()
	settings.Notifications.Recipients = to
	_, err = commands.CreateProfile(t.Context(), o.h, rq(), profile.Create{Tenant: tenant, Profile: "p1", Customer: "c1", Name: "Büro", Settings: settings, At: o.clock()})
	check(t, err)
	_, err = commands.ChooseProfile(t.Context(), o.h, rq(), tenant, group.Main("l1"), "p1")
	check(t, err)
	o.follow()
	return o
}

func recipient(address string, d profile.Delivery, kinds ...domain.Notice) profile.Recipient {
	return profile.Recipient{Address: domain.Personal{Subject: domain.Subject(uuid.NewString()), Text: address}, Kinds: kinds, Delivery: d}
}

// tell raises a notice about a device of the group, or of the license as a whole.
func (o *office) tell(kind domain.Notice, g domain.GroupID, f notice.Facts) {
	o.Helper()
	now := o.clock()
	check(o, commands.Tell(o.Context(), o.h, commands.Request{Actor: domain.SystemActor("tell", tenant), At: now, ID: uuid.New()}, notice.Raise{
		Tenant: tenant, Kind: kind, Subject: notice.Subject{Customer: "c1", License: "l1", Group: g}, Episode: uuid.NewString(), Facts: f, Happened: now, At: now,
	}))
}

func TestANoticeIsMailedToWhomTheProfileNames(t *testing.T) {
	o := guarded(t, recipient("anna@huber.example", profile.Instant, domain.NoticeVirusFound, domain.NoticeSeatsUsedUp), recipient("bert@huber.example", profile.Instant, domain.NoticeInstalled))
	o.tell(domain.NoticeVirusFound, main, notice.Facts{Name: "<b>PC-1</b>", Threat: "Eicar", Path: `C:\x`})
	o.follow()
	m := o.count(1)[0]
	text, html := parts(t, m)
	if m.To != "anna@huber.example" || !strings.Contains(text, "<b>PC-1</b>") || !strings.Contains(text, "Eicar") || !strings.Contains(text, "Huber & Söhne") ||
		!strings.Contains(text, "Konfigurationsprofil Büro") || strings.Contains(html, "<b>PC-1") {
		t.Errorf("to %s: %s\n%s", m.To, text, html)
	}
	if said := o.said(); len(said) != 1 || said[0].(mails.Sent).Customer != "c1" || said[0].(mails.Sent).User != "" {
		t.Errorf("the log says %+v", said)
	}
	o.tell(domain.NoticeGuardOff, main, notice.Facts{Name: "PC-1"}) // nobody wants to know
	o.tell(domain.NoticeSeatsUsedUp, "", notice.Facts{Name: "Antivirus"})
	o.follow()
	if o.count(2)[1].To != "anna@huber.example" {
		t.Error("what concerns the license as a whole has gone elsewhere")
	}
	for range 2 { // the whole log once more
		o.restart()
		o.read = eventstore.Position{}
		o.follow()
		o.count(2)
	}
}

func TestADigestTellsOfADay(t *testing.T) {
	o := guarded(t, recipient("bert@huber.example", profile.Digest, domain.NoticeVirusFound, domain.NoticeInstalled))
	for _, name := range []string{"PC-1", "PC-2"} {
		o.tell(domain.NoticeInstalled, main, notice.Facts{Name: name})
		o.pass(time.Minute)
	}
	o.follow()
	o.count(0)
	o.pass(24 * time.Hour)
	o.tell(domain.NoticeInstalled, main, notice.Facts{Name: "PC-3"})
	o.follow()
	text, _ := parts(t, o.count(1)[0])
	if one, two := strings.Index(text, "PC-1"), strings.Index(text, "PC-2"); one < 0 || two < one || strings.Contains(text, "PC-3") {
		t.Errorf("the first digest:\n%s", text)
	}
	o.restart()
	o.read = eventstore.Position{}
	o.follow()
	o.count(1)
	o.pass(24 * time.Hour)
	o.send()
	if text, _ := parts(t, o.count(2)[1]); !strings.Contains(text, "PC-3") || strings.Contains(text, "PC-1") {
		t.Errorf("the second digest:\n%s", text)
	}
	if said := o.said(); len(said) != 2 || said[1].(mails.Sent).Kind != mails.Digest || said[1].(mails.Sent).Customer != "c1" {
		t.Errorf("the log says %+v", said)
	}
}

// In an outbreak a recipient gets some mails, and at the end of the hour one about all the rest.
func TestAnOutbreakIsNotAFloodOfMails(t *testing.T) {
	o := guarded(t, recipient("anna@huber.example", profile.Instant, domain.NoticeVirusFound))
	const infections, instant = 70, 20
	for i := range infections {
		o.tell(domain.NoticeVirusFound, main, notice.Facts{Name: fmt.Sprintf("PC-%02d.", i), Threat: "Eicar"})
	}
	o.follow()
	o.count(instant)
	for range 2 { // the whole log once more
		o.restart()
		o.read = eventstore.Position{}
		o.follow()
		o.count(instant)
	}
	o.pass(time.Hour + 6*time.Minute)
	o.tell(domain.NoticeVirusFound, main, notice.Facts{Name: "PC-later", Threat: "Eicar"})
	o.follow()
	all := ""
	for _, m := range o.count(instant + 2) {
		text, _ := parts(t, m)
		all += text
	}
	for i := range infections {
		if n := strings.Count(all, fmt.Sprintf("PC-%02d.", i)); n == 0 {
			t.Errorf("nobody was told of PC-%02d", i)
		}
	}
	if !strings.Contains(all, "PC-later") {
		t.Error("after the hour, nothing is told at once")
	}
}

func TestWhoIsNoRecipientAnyMoreGetsNothing(t *testing.T) {
	o := guarded(t, recipient("bert@huber.example", profile.Digest, domain.NoticeInstalled))
	o.tell(domain.NoticeInstalled, main, notice.Facts{Name: "PC-1"})
	o.follow()
	do[profile.State](o, admin, profile.ChangeSettings{Tenant: tenant, Profile: "p1", Settings: profile.Defaults(), At: o.clock()})
	o.pass(25 * time.Hour)
	o.follow()
	o.count(0)
	if o.states() != "digest void " {
		t.Errorf("the queue: %s", o.states())
	}
}
