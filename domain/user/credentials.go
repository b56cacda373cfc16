package user

import (
	"time"

	"avportal/domain"
)

// PasskeyID names a passkey of a person. It is not the one that his authenticator knows it by.
type PasskeyID string

// CredentialChange is what a person may change of what he signs in by.
type CredentialChange string

// The changes there are.
const (
	SetPassword    CredentialChange = "password"
	SwitchCodesOn  CredentialChange = "codes_on"
	SwitchCodesOff CredentialChange = "codes_off"
	RenewRecovery  CredentialChange = "recovery_codes"
	AddPasskey     CredentialChange = "passkey_added"
	RemovePasskey  CredentialChange = "passkey_removed"
)

// NoteCredentials notes that a person has changed what he signs in by. The credentials themselves stand in the vault, which only
// the portal reads.
type NoteCredentials struct {
	Tenant  domain.Tenant
	User    domain.UserID
	Change  CredentialChange
	Passkey PasskeyID // that was added or removed
	At      time.Time
}

// PasswordChanged says that the person has another password. No event tells what it is.
type PasswordChanged struct {
	User domain.UserID `json:"user"`
}

// CodesSwitchedOn says that the person needs a one-time code besides the password from now on.
type CodesSwitchedOn struct {
	User domain.UserID `json:"user"`
}

// CodesSwitchedOff says that the password alone is enough again.
type CodesSwitchedOff struct {
	User domain.UserID `json:"user"`
}

// RecoveryCodesRenewed says that the person has got new recovery codes, and that those before hold no longer.
type RecoveryCodesRenewed struct {
	User domain.UserID `json:"user"`
}

// PasskeyAdded says that the person can sign in by one more passkey.
type PasskeyAdded struct {
	User    domain.UserID `json:"user"`
	Passkey PasskeyID     `json:"passkey"`
}

// PasskeyRemoved says that a passkey opens nothing any more.
type PasskeyRemoved struct {
	User    domain.UserID `json:"user"`
	Passkey PasskeyID     `json:"passkey"`
}

// EventType is the stored type name.
func (PasswordChanged) EventType() string { return "user.password_changed" }

// EventType is the stored type name.
func (CodesSwitchedOn) EventType() string { return "user.codes_switched_on" }

// EventType is the stored type name.
func (CodesSwitchedOff) EventType() string { return "user.codes_switched_off" }

// EventType is the stored type name.
func (RecoveryCodesRenewed) EventType() string { return "user.recovery_codes_renewed" }

// EventType is the stored type name.
func (PasskeyAdded) EventType() string { return "user.passkey_added" }

// EventType is the stored type name.
func (PasskeyRemoved) EventType() string { return "user.passkey_removed" }

// Stream is the membership's.
func (c NoteCredentials) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what only the portal itself has: it has seen the proof.
func (c NoteCredentials) Needs() domain.Permission { return domain.OperatePlatform }

// Decide notes each change.
func (c NoteCredentials) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	switch c.Change {
	case SetPassword:
		return []domain.Event{PasswordChanged{User: c.User}}, nil
	case SwitchCodesOn:
		return []domain.Event{CodesSwitchedOn{User: c.User}}, nil
	case SwitchCodesOff:
		return []domain.Event{CodesSwitchedOff{User: c.User}}, nil
	case RenewRecovery:
		return []domain.Event{RecoveryCodesRenewed{User: c.User}}, nil
	}
	if err := domain.CheckID("/passkey", string(c.Passkey)); err != nil {
		return nil, err
	}
	switch c.Change {
	case AddPasskey:
		return []domain.Event{PasskeyAdded{User: c.User, Passkey: c.Passkey}}, nil
	case RemovePasskey:
		return []domain.Event{PasskeyRemoved{User: c.User, Passkey: c.Passkey}}, nil
	}
	return nil, domain.ErrInvalid.At("/change")
}
