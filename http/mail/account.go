package mail

import (
	"context"
	"time"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/texts"
)

// RecoveryPath is where a forgotten password is replaced. The secret follows after a "#".
const RecoveryPath = "/auth/password"

// tellFor is how long it is of use to tell a person of something that has happened.
const tellFor = 48 * time.Hour

// member is a person as a letter needs him.
func (m *Mailer) member(ctx context.Context, q queued) (s user.State, w writer, err error) {
	err = commands.Inspect(ctx, m.Commands, user.Stream(q.tenant, domain.UserID(q.recipient)), func(now user.State, _ eventstore.Revision) { s = now })
	if err == nil && !s.Active() {
		err = errVoid
	}
	return s, writer{texts.Language(s.Profile().Language)}, err
}

// recovery brings the link by which a forgotten password is replaced.
func (m *Mailer) recovery(ctx context.Context, q queued, r eventstore.Recorded) (letter, domain.Personal, error) {
	s, w, err := m.member(ctx, q)
	if err != nil {
		return letter{}, domain.Personal{}, err
	}
	until := r.Event.(user.RecoveryRequested).ExpiresAt
	secret, holds, err := m.Credentials.IssueRecovery(ctx, s.Person(), r.ID.String(), until)
	if err == nil && !holds {
		err = errVoid
	}
	l := w.To(s.Profile(), w.Say("A new password for the AV Portal"))
	l.Lines = []string{w.Say("Somebody, you we hope, has asked for a new password for your account in the AV Portal.")}
	l.Facts = []fact{{w.Say("The link holds until"), w.Time(until)}}
	l.Action, l.URL = w.Say("Choose a new password"), m.PublicURL+RecoveryPath+"#"+secret
	l.Closing = []string{w.Say("The link is good once, and for you alone. If it was not you who asked, you need not do anything: your password stays as it is.")}
	return l, s.Email(), err
}

// signInChanged tells a person that what he signs in by has changed, so that he notices if it was somebody else.
func (m *Mailer) signInChanged(ctx context.Context, q queued, r eventstore.Recorded) (letter, domain.Personal, error) {
	s, w, err := m.member(ctx, q)
	if err != nil {
		return letter{}, domain.Personal{}, err
	}
	var what string
	switch r.Event.(type) {
	case user.PasswordChanged:
		what = w.Say("The password of your account in the AV Portal has been changed.")
	case user.CodesSwitchedOn:
		what = w.Say("One-time codes have been switched on for your account in the AV Portal.")
	case user.CodesSwitchedOff:
		what = w.Say("One-time codes have been switched off for your account in the AV Portal.")
	case user.RecoveryCodesRenewed:
		what = w.Say("The recovery codes of your account in the AV Portal have been made anew.")
	case user.PasskeyAdded:
		what = w.Say("A passkey has been added to your account in the AV Portal.")
	case user.PasskeyRemoved:
		what = w.Say("A passkey has been removed from your account in the AV Portal.")
	}
	l := w.To(s.Profile(), w.Say("Your sign-in to the AV Portal has changed"))
	l.Lines = []string{what}
	l.Facts = []fact{{w.Say("When"), w.Time(r.At)}}
	l.Closing = []string{w.Say("If it was not you, ask for a new password at once, and tell an administrator of your company.")}
	return l, s.Email(), nil
}
