package credentials

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/user"
)

const (
	maxPasskeys   = 20 // of one person
	challengeLife = 5 * time.Minute
)

// Refusals about passkeys.
var (
	ErrNoPasskeys      = &domain.Error{Class: domain.Conflict, Code: "passkeys_unavailable", Message: "Passkeys need a portal that browsers find by a name, not by an IP address."}
	ErrTooManyPasskeys = &domain.Error{Class: domain.Conflict, Code: "too_many_passkeys", Message: "You can keep no more passkeys. Remove one first."}
	ErrPasskeyExists   = &domain.Error{Class: domain.Conflict, Code: "passkey_exists", Message: "This passkey is there already."}
	ErrPasskey         = domain.ErrInvalid.At("/credential").With("This passkey was not made for this portal, or not just now, or without asking who you are. Begin again.")
	ErrWrongPasskey    = ErrWrong.At("").With("This passkey opens nothing here, or the attempt took too long. Begin again.")
)

// Passkey is one of a person's, as he sees it.
type Passkey struct {
	ID        user.PasskeyID
	Name      string
	CreatedAt time.Time
	UsedAt    time.Time // zero for never
	Suspect   bool      // its counter has gone back: there may be a copy of it
}

// sealedPasskey is what is kept of one, sealed: its name is the person's own words.
type sealedPasskey struct {
	Name       string
	Credential webauthn.Credential
}

// ServeAt tells where browsers find the portal. It, and never what a request says, decides whose passkeys are good here.
func (v *Vault) ServeAt(publicURL string) error {
	u, err := url.Parse(publicURL)
	if err != nil || net.ParseIP(u.Hostname()) != nil { // a passkey belongs to a name
		return err
	}
	required := true
	v.party, err = webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: issuer, RPOrigins: []string{publicURL}, AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
	})
	return err
}

// Passkeys lists those of a person, the oldest first.
func (v *Vault) Passkeys(ctx context.Context, person domain.PersonID) ([]Passkey, error) {
	rows, err := v.db.Query(ctx, `SELECT id, sealed, created_at, used_at, suspect FROM vault.passkey WHERE person = $1 ORDER BY created_at, id`, person)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Passkey, err error) {
		var sealed []byte
		var used *time.Time
		if err := row.Scan(&p.ID, &sealed, &p.CreatedAt, &used, &p.Suspect); err != nil {
			return p, err
		}
		if used != nil {
			p.UsedAt = used.UTC()
		}
		kept, err := v.openPasskey(p.ID, sealed)
		p.Name, p.CreatedAt = kept.Name, p.CreatedAt.UTC()
		return p, err
	})
}

// RemovePasskey ends a passkey of a person. The error is domain.ErrNotFound if he has none of this id.
func (v *Vault) RemovePasskey(ctx context.Context, person domain.PersonID, id user.PasskeyID, note Note) error {
	return v.change(ctx, note, domain.ErrNotFound, `DELETE FROM vault.passkey WHERE person = $1 AND id = $2`, person, id)
}

func aboutPasskey(id user.PasskeyID) string { return "passkey " + string(id) }

func (v *Vault) sealPasskey(id user.PasskeyID, p sealedPasskey) ([]byte, error) {
	plain, err := json.Marshal(p)
	return v.key.Seal(aboutPasskey(id), plain), err
}

func (v *Vault) openPasskey(id user.PasskeyID, sealed []byte) (p sealedPasskey, err error) {
	plain, err := v.key.Open(aboutPasskey(id), sealed)
	if err == nil {
		err = json.Unmarshal(plain, &p)
	}
	if err != nil {
		return p, fmt.Errorf("passkey %s: %w", id, err)
	}
	return p, nil
}

// holder is a person as an authenticator knows him: by an id that tells nothing, and by what he is called there.
type holder struct {
	person domain.PersonID
	name   string
	keys   []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.person) }
func (h holder) WebAuthnName() string                       { return h.name }
func (h holder) WebAuthnDisplayName() string                { return h.name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// keepChallenge lets a ceremony that has begun be finished, in any portal. Person is empty for a sign-in.
func (v *Vault) keepChallenge(ctx context.Context, person domain.PersonID, s *webauthn.SessionData) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	now := v.now()
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM vault.passkey_challenge WHERE expires_at <= $1`, now)
	batch.Queue(`INSERT INTO vault.passkey_challenge (hash, person, ceremony, expires_at) VALUES ($1, $2, $3, $4)`,
		challengeHash(s.Challenge), person, data, now.Add(challengeLife))
	return v.db.SendBatch(ctx, batch).Close()
}

var errNoChallenge = errors.New("credentials: no such ceremony has begun")

// takeChallenge ends a ceremony: its challenge is good once, also if many come at the same time.
func (v *Vault) takeChallenge(ctx context.Context, person domain.PersonID, challenge string) (s webauthn.SessionData, err error) {
	var data []byte
	err = v.db.QueryRow(ctx, `DELETE FROM vault.passkey_challenge WHERE hash = $1 AND person = $2 AND expires_at > $3 RETURNING ceremony`,
		challengeHash(challenge), person, v.now()).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, errNoChallenge
	}
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	return s, err
}

func challengeHash(challenge string) []byte {
	sum := sha256.Sum256([]byte(challenge))
	return sum[:]
}

// credentialHash finds a passkey by what its authenticator calls it.
func credentialHash(id []byte) []byte {
	sum := sha256.Sum256(id)
	return sum[:]
}
