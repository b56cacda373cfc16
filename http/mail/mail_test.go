package mail_test

import (
	"mime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	mails "avportal/domain/mail"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

func TestAnInvitationIsMailedOnce(t *testing.T) {
	o := openOffice(t)
	o.invite("vera", vera)
	o.follow()
	m := o.count(1)[0]
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header("Subject"))
	check(t, err)
	text, html := parts(t, m)
	if m.To != "vera@systemhaus.example" || m.From != "portal@systemhaus.example" || subject != "Ihre Einladung in das AV Portal von Systemhaus Süd" ||
		!strings.Contains(text, "Guten Tag Frau Vögel,") || !strings.Contains(html, "Guten Tag Frau Vögel,") || m.Header("Auto-Submitted") != "auto-generated" {
		t.Errorf("to %s from %s: %s\n%s", m.To, m.From, subject, text)
	}
	secret := link(t, text)
	if _, err := commands.FindInvitation(t.Context(), o.h, o.clock(), secret); err != nil || !strings.Contains(html, secret) {
		t.Errorf("the link %q: %v", secret, err)
	}
	if said := o.said(); len(said) != 1 || said[0].(mails.Sent).User != "vera" || said[0].(mails.Sent).Kind != mails.Invitation {
		t.Errorf("the log says %+v", said)
	}
	if len(o.ends) != 1 || o.ends["invitation sent"] != 1 {
		t.Errorf("counted: %v", o.ends)
	}
	// The whole log once more, by the same portal and by one that starts anew; then with a database that knows of no mail.
	for _, again := range []func(){func() {}, o.restart, func() { _, err := o.db.Exec(t.Context(), `TRUNCATE live.mail CASCADE`); check(t, err) }} {
		again()
		o.read = eventstore.Position{}
		o.follow()
		o.count(1)
	}
	if o.states() != "invitation sent " {
		t.Errorf("the queue: %s", o.states())
	}
	// Sent again, it has another link, and the old one is dead.
	o.pass(time.Hour)
	o.renew("vera")
	o.follow()
	text, _ = parts(t, o.count(2)[1])
	if again := link(t, text); again == secret {
		t.Error("the link is the old one")
	} else if _, err := commands.FindInvitation(t.Context(), o.h, o.clock(), again); err != nil {
		t.Error(err)
	}
	if _, err := commands.FindInvitation(t.Context(), o.h, o.clock(), secret); err == nil {
		t.Error("the old link holds still")
	}
}

// Nothing in the queue tells whom a mail goes to, or what is in it.
func TestTheQueueHoldsNoAddressAndNoSecret(t *testing.T) {
	o := openOffice(t)
	o.invite("u1", user.Details{FirstName: "Vera", Surname: "Vogel"})
	check(t, o.queueOnly())
	var rows string
	check(t, o.db.QueryRow(t.Context(), `SELECT string_agg(m::text || e::text, ' ') FROM live.mail m JOIN live.mail_event e ON e.mail = m.id`).Scan(&rows))
	for _, secret := range []string{"systemhaus.example", "Vera", "Vogel", "auth/invitation"} {
		if strings.Contains(rows, secret) {
			t.Errorf("%s stands in %s", secret, rows)
		}
	}
}

func (o *office) queueOnly() error {
	for r, err := range o.store.ReadAll(o.Context(), o.read, eventstore.Forward, 0) {
		if err != nil {
			return err
		}
		if err := o.mailer.Follow(o.Context(), r); err != nil {
			return err
		}
	}
	return nil
}

func TestWhatIsOverIsNotMailed(t *testing.T) {
	o := openOffice(t)
	for _, u := range []domain.UserID{"renewed", "accepted", "erased", "late"} {
		o.invite(u, vera)
	}
	check(t, o.queueOnly())
	o.pass(time.Minute)
	_, secret, err := commands.IssueInvitation(t.Context(), o.h, o.clock(), tenant, "accepted")
	check(t, err)
	_, _, err = commands.AcceptInvitation(t.Context(), o.h, commands.Request{At: o.clock(), ID: uuid.New()}, secret, "p1")
	check(t, err)
	_, err = commands.EraseUser(t.Context(), o.h, commands.Request{Actor: admin, At: o.clock(), ID: uuid.New()}, user.Erase{Tenant: tenant, User: "erased", At: o.clock()})
	check(t, err)
	o.renew("renewed")
	o.follow()
	o.count(2) // the renewal, and that of "late"
	if s := o.states(); strings.Count(s, "void") != 3 || strings.Count(s, "sent") != 2 {
		t.Errorf("the queue: %s", s)
	}
	// A log that is read from its beginning by a portal that has just got a mail server.
	o.pass(user.InvitationLifetime)
	_, err = o.db.Exec(t.Context(), `TRUNCATE live.mail CASCADE`)
	check(t, err)
	o.read = eventstore.Position{}
	o.follow()
	if o.count(2); o.states() != "" {
		t.Errorf("the queue: %s", o.states())
	}
}

// A server that is away, or busy, is tried again; one that refuses the recipient is not.
func TestWhatAServerRefuses(t *testing.T) {
	o := openOffice(t)
	answer := func(stage string, code int) {
		o.sink.Refuse(func(s string) error {
			if s != stage {
				return nil
			}
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "no: <vera@systemhaus.example>"}
		})
	}
	o.invite("vera", vera)
	for i, try := range []struct {
		stage string
		code  int
	}{{"rcpt", 450}, {"data", 451}, {"mail", 550}} {
		answer(try.stage, try.code)
		o.follow()
		if s := o.states(); !strings.HasPrefix(s, "invitation waiting the mail server answers ") || strings.Contains(s, "vera") {
			t.Errorf("try %d: %s", i, s)
		}
		if h, err := o.mailer.Status(t.Context()); err != nil || h.Waiting != 1 || h.Reason == "" {
			t.Errorf("%+v, %v", h, err)
		}
		o.send() // not at once
		o.pass(time.Hour)
	}
	o.sink.Refuse(nil)
	o.send()
	o.count(1)

	o.invite("nobody", vera)
	answer("rcpt", 550)
	o.follow()
	o.pass(100 * time.Hour)
	o.send()
	o.count(1)
	if said := o.said(); len(said) != 2 || said[1].(mails.Failed).Reason != "550 5.1.1" {
		t.Errorf("the log says %+v", said)
	}
	o.invite("late", vera)
	check(t, o.queueOnly())
	answer("rcpt", 450)
	o.send()
	o.pass(user.InvitationLifetime)
	o.send()
	if said := o.said(); len(said) != 3 || said[2].(mails.Failed).Reason != "too late" {
		t.Errorf("the log says %+v", said)
	}
}

// A portal that dies after the server has taken a mail, and before that is noted, sends it once more: the very same one.
func TestAMailThatIsSentTwiceIsTheSame(t *testing.T) {
	o := openOffice(t)
	o.invite("vera", vera)
	o.sink.Refuse(func(stage string) error {
		if stage == "taken" {
			return &smtp.SMTPError{Code: 421, Message: "the connection breaks off"}
		}
		return nil
	})
	o.follow()
	o.sink.Refuse(nil)
	o.pass(time.Hour)
	o.restart()
	o.send()
	two := o.count(2)
	one, _ := parts(t, two[0])
	other, _ := parts(t, two[1])
	if two[0].Header("Message-ID") != two[1].Header("Message-ID") || two[0].Header("Message-ID") == "" || one != other {
		t.Errorf("%s\n%s\n%s\n%s", two[0].Header("Message-ID"), one, two[1].Header("Message-ID"), other)
	}
	if len(o.said()) != 1 {
		t.Errorf("the log says %+v", o.said())
	}
}

// The log is restored to before an invitation: its mail is flagged, and not sent.
func TestWhatARestoredLogDoesNotHoldIsNotMailed(t *testing.T) {
	o := openOffice(t)
	o.invite("vera", vera)
	check(t, o.queueOnly())
	o.store = memory.New(catalog.Registry()).WithKeys(o.vault)
	o.restart()
	o.send()
	o.count(0)
	if h, err := o.mailer.Status(t.Context()); err != nil || h.Flagged != 1 || o.states() != "invitation unknown " {
		t.Errorf("%+v, %v, %s", h, err, o.states())
	}
}

// Of two portals one sends.
func TestTwoPortalsSendAMailOnce(t *testing.T) {
	o := openOffice(t)
	for _, u := range []domain.UserID{"a", "b", "c", "d", "e"} {
		o.invite(u, vera)
	}
	check(t, o.queueOnly())
	other := &office{T: t, ends: map[string]int{}, now: o.now, db: o.db, vault: o.vault, store: o.store, sink: o.sink}
	other.restart()
	var both sync.WaitGroup
	for _, p := range []*office{o, other} {
		both.Go(func() {
			for worked := true; worked; {
				var err error
				if worked, err = p.mailer.SendNext(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	both.Wait()
	o.send()
	o.count(5)
	if len(o.said()) != 5 {
		t.Errorf("the log says %+v", o.said())
	}
}
