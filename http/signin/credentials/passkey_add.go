package credentials

import (
	"context"
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"avportal/domain"
	"avportal/domain/user"
)

// BeginPasskey answers what a browser needs to make a passkey. Name is what the person is called in his authenticator. Only who
// has an account has passkeys: the Reseller Portal must be able to shut its own people out.
func (v *Vault) BeginPasskey(ctx context.Context, person domain.PersonID, name string) (*protocol.CredentialCreation, error) {
	if v.party == nil {
		return nil, ErrNoPasskeys
	}
	if _, found, err := v.find(ctx, `person = $1`, person); err != nil || !found {
		return nil, errors.Join(ErrNoPassword, err)
	}
	keys, err := v.credentialsOf(ctx, person)
	switch {
	case err != nil:
		return nil, err
	case len(keys) >= maxPasskeys:
		return nil, ErrTooManyPasskeys
	}
	options, ceremony, err := v.party.BeginRegistration(holder{person, name, keys}, webauthn.WithExclusions(webauthn.Credentials(keys).CredentialDescriptors()))
	if err != nil {
		return nil, err
	}
	return options, v.keepChallenge(ctx, person, ceremony)
}

// EndPasskey keeps a passkey that was made just now, under a name that the person gives it. Credential is the browser's answer, as
// JSON. The note is told which one it is.
func (v *Vault) EndPasskey(ctx context.Context, person domain.PersonID, name string, credential []byte, note func(user.PasskeyID) Note) (Passkey, error) {
	if v.party == nil {
		return Passkey{}, ErrNoPasskeys
	}
	name, err := domain.Name("/name", name)
	if err != nil {
		return Passkey{}, err
	}
	made, err := protocol.ParseCredentialCreationResponseBytes(credential)
	if err != nil {
		return Passkey{}, ErrPasskey
	}
	ceremony, err := v.takeChallenge(ctx, person, made.Response.CollectedClientData.Challenge)
	if errors.Is(err, errNoChallenge) {
		return Passkey{}, ErrPasskey
	}
	if err != nil {
		return Passkey{}, err
	}
	key, err := v.party.CreateCredential(holder{person: person}, ceremony, made)
	if err != nil {
		return Passkey{}, ErrPasskey
	}
	p := Passkey{ID: user.PasskeyID(uuid.NewString()), Name: name, CreatedAt: domain.Instant(v.now())}
	return p, v.addPasskey(ctx, person, p, *key, note(p.ID))
}

func (v *Vault) addPasskey(ctx context.Context, person domain.PersonID, p Passkey, key webauthn.Credential, note Note) error {
	sealed, err := v.sealPasskey(p.ID, sealedPasskey{p.Name, key})
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, v.db, func(tx pgx.Tx) error {
		var there int
		if err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM vault.passkey p WHERE p.person = a.person) FROM vault.account a WHERE person = $1 FOR UPDATE`, person).Scan(&there); err != nil {
			return err
		}
		if there >= maxPasskeys {
			return ErrTooManyPasskeys
		}
		_, err := tx.Exec(ctx, `INSERT INTO vault.passkey (id, credential, person, sealed, created_at) VALUES ($1, $2, $3, $4, $5)`,
			p.ID, credentialHash(key.ID), person, sealed, p.CreatedAt)
		if err != nil {
			return err
		}
		return note(ctx)
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return ErrPasskeyExists
	}
	return err
}

func (v *Vault) credentialsOf(ctx context.Context, person domain.PersonID) ([]webauthn.Credential, error) {
	rows, err := v.db.Query(ctx, `SELECT id, sealed FROM vault.passkey WHERE person = $1`, person)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (webauthn.Credential, error) {
		var id user.PasskeyID
		var sealed []byte
		if err := row.Scan(&id, &sealed); err != nil {
			return webauthn.Credential{}, err
		}
		p, err := v.openPasskey(id, sealed)
		return p.Credential, err
	})
}
