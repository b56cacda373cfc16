package credentials

import (
	"context"
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/session"
	"avportal/domain/user"
)

// BeginPasskeySignIn answers what a browser needs to sign somebody in by a passkey. Nobody says who he is: the passkey does.
func (v *Vault) BeginPasskeySignIn(ctx context.Context) (*protocol.CredentialAssertion, error) {
	if v.party == nil {
		return nil, ErrNoPasskeys
	}
	options, ceremony, err := v.party.BeginDiscoverableLogin()
	if err != nil {
		return nil, err
	}
	return options, v.keepChallenge(ctx, "", ceremony)
}

// CheckPasskey judges an attempt to sign in by a passkey, from a network address. Credential is the browser's answer, as JSON. The
// authenticator has asked who it is, by a finger or a PIN, so it is both factors. The answers are those of Check.
func (v *Vault) CheckPasskey(ctx context.Context, credential []byte, address string) (Verdict, error) {
	verdict := Verdict{Method: session.Passkey}
	if v.party == nil {
		return verdict, ErrNoPasskeys
	}
	from := v.addressKey(address)
	if err := v.charge(ctx, from, freeAddressAttempts); err != nil {
		return verdict, err
	}
	answer, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return verdict, ErrWrongPasskey
	}
	ceremony, err := v.takeChallenge(ctx, "", answer.Response.CollectedClientData.Challenge)
	if errors.Is(err, errNoChallenge) {
		return verdict, ErrWrongPasskey
	}
	if err != nil {
		return verdict, err
	}
	err = pgx.BeginFunc(ctx, v.db, func(tx pgx.Tx) (err error) {
		verdict.Person, verdict.Refusal, err = v.usePasskey(ctx, tx, ceremony, answer)
		return err
	})
	if err != nil || verdict.Refusal != "" {
		return verdict, errors.Join(err, refusal(verdict))
	}
	if verdict.Person == "" {
		return verdict, ErrWrongPasskey
	}
	return verdict, v.forgive(ctx, from)
}

func refusal(v Verdict) error {
	if v.Refusal == "" {
		return nil
	}
	return ErrWrongPasskey
}

// usePasskey holds an answer against the passkey that it names; person is empty if there is none. A counter that has not gone on
// says that there may be a copy of the passkey: it is not let in, and the person sees which one it is.
func (v *Vault) usePasskey(ctx context.Context, tx pgx.Tx, ceremony webauthn.SessionData, answer *protocol.ParsedCredentialAssertionData) (person domain.PersonID, why session.Refusal, err error) {
	var id user.PasskeyID
	var sealed []byte
	err = tx.QueryRow(ctx, `SELECT id, person, sealed FROM vault.passkey WHERE credential = $1 FOR UPDATE`, credentialHash(answer.RawID)).Scan(&id, &person, &sealed)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	kept, err := v.openPasskey(id, sealed)
	if err != nil {
		return "", "", err
	}
	owner := func(_, _ []byte) (webauthn.User, error) {
		return holder{person: person, keys: []webauthn.Credential{kept.Credential}}, nil
	}
	_, used, err := v.party.ValidatePasskeyLogin(owner, ceremony, answer)
	if err != nil {
		return person, session.WrongPasskey, nil //nolint:nilerr // a refusal, not a failure
	}
	suspect := used.Authenticator.CloneWarning
	used.Authenticator.CloneWarning = false // of this use; the row keeps it
	kept.Credential = *used
	if sealed, err = v.sealPasskey(id, kept); err != nil {
		return "", "", err
	}
	if suspect {
		why = session.CopiedPasskey
	}
	_, err = tx.Exec(ctx, `UPDATE vault.passkey SET sealed = $2, used_at = $3, suspect = suspect OR $4 WHERE id = $1`, id, sealed, v.now(), suspect)
	return person, why, err
}
