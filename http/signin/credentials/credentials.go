// Package credentials keeps what people of the portal's own prove themselves by: a password, one-time codes, recovery codes.
// Nothing of it stands in the log, which only says that something was changed.
package credentials

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/domain/session"
	"avportal/http/vault"
)

//go:embed schema.sql
var schema string

// Refusals of a sign-in. None of them tells whether there is such an account.
var (
	ErrWrong         = &domain.Error{Class: domain.Forbidden, Code: "sign_in_refused", Message: "The e-mail address, the password or the code is wrong."}
	ErrCodeRequired  = &domain.Error{Class: domain.Forbidden, Code: "code_required", Message: "Send a code of your authenticator app as well, or one of your recovery codes.", Field: "/code"}
	ErrNoPassword    = &domain.Error{Class: domain.Conflict, Code: "no_password", Message: "You sign in through the Reseller Portal; there is no password here."}
	ErrAccountExists = &domain.Error{Class: domain.Conflict, Code: "account_exists", Message: "There is an account with this e-mail address. Sign in with it to accept the invitation."}
)

// Vault keeps credentials. It is safe for concurrent use.
type Vault struct {
	db     *pgxpool.Pool
	key    *vault.Key
	now    func() time.Time
	hasher *hasher
	party  *webauthn.WebAuthn // nil while there can be no passkeys; see ServeAt
}

// New makes the tables if they are not there yet.
func New(ctx context.Context, db *pgxpool.Pool, key *vault.Key, now func() time.Time) (*Vault, error) {
	if _, err := db.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("schema vault: %w", err)
	}
	h, err := newHasher()
	return &Vault{db: db, key: key, now: now, hasher: h}, err
}

// account is a row of vault.account.
type account struct {
	person   domain.PersonID
	password string
	totp     []byte // nil unless the person has shown that he has it
	step     int64
}

func (v *Vault) find(ctx context.Context, where string, arg any) (a account, found bool, err error) {
	err = v.db.QueryRow(ctx, `SELECT person, password, CASE WHEN totp_on THEN totp END, totp_step FROM vault.account WHERE `+where, arg).
		Scan(&a.person, &a.password, &a.totp, &a.step)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, false, nil
	}
	return a, err == nil, err
}

// Create makes an account. The error is ErrAccountExists if the address has one.
func (v *Vault) Create(ctx context.Context, person domain.PersonID, email, password string) error {
	if err := CheckPassword(password, email); err != nil {
		return err
	}
	hash, err := v.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = v.db.Exec(ctx, `INSERT INTO vault.account (person, login, password, password_at) VALUES ($1, $2, $3, $4)`,
		person, v.loginKey(email), hash, v.now())
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return ErrAccountExists
	}
	return err
}

// PersonOf is whose account an e-mail address has; empty if none.
func (v *Vault) PersonOf(ctx context.Context, email string) (domain.PersonID, error) {
	a, _, err := v.find(ctx, `login = $1`, v.loginKey(email))
	return a.person, err
}

// Attempt is what somebody tries to sign in with.
type Attempt struct {
	Email, Password string
	Code            string // of the authenticator app, or a recovery code; empty for none
	Address         string // of the network
}

// Verdict is what became of an attempt. Person is known, if the account is, also of one that was refused.
type Verdict struct {
	Person  domain.PersonID
	Method  session.Method
	Refusal session.Refusal // empty: let in
}

// Check judges an attempt. The error is a refusal that may be answered as it is, and Verdict says what to note.
func (v *Vault) Check(ctx context.Context, t Attempt) (Verdict, error) {
	verdict := Verdict{Method: session.Password}
	login, address := v.loginKey(t.Email), v.addressKey(t.Address)
	if err := errors.Join(v.charge(ctx, address, freeAddressAttempts), v.charge(ctx, login, freeAttempts)); err != nil {
		return verdict, err
	}
	a, _, err := v.find(ctx, `login = $1`, login)
	if err != nil {
		return verdict, err
	}
	verdict.Person = a.person
	ok, old, err := v.hasher.check(ctx, t.Password, a.password)
	if err != nil {
		return verdict, err
	}
	if !ok {
		verdict.Refusal = session.WrongPassword
		return verdict, ErrWrong
	}
	if a.totp != nil {
		if t.Code == "" {
			return verdict, errors.Join(ErrCodeRequired, v.forgive(ctx, address))
		}
		if verdict.Method, err = v.secondFactor(ctx, a, t.Code); err != nil {
			verdict.Refusal = session.WrongCode
			return verdict, err
		}
	}
	if old {
		err = v.rehash(ctx, a.person, t.Password)
	}
	return verdict, errors.Join(err, v.forgive(ctx, login), v.forgive(ctx, address))
}

func (v *Vault) rehash(ctx context.Context, person domain.PersonID, password string) error {
	hash, err := v.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = v.db.Exec(ctx, `UPDATE vault.account SET password = $2 WHERE person = $1`, person, hash)
	return err
}

// Confirm checks the password of a person who is signed in, before something that needs it once more.
func (v *Vault) Confirm(ctx context.Context, person domain.PersonID, password string) error {
	key := v.key.Digest("confirm", string(person))
	if err := v.charge(ctx, key, freeAttempts); err != nil {
		return err
	}
	a, found, err := v.find(ctx, `person = $1`, person)
	if err != nil {
		return err
	}
	if !found {
		return ErrNoPassword
	}
	ok, _, err := v.hasher.check(ctx, password, a.password)
	if err == nil && !ok {
		err = ErrWrong.At("/password").With("This is not your password.")
	}
	if err != nil {
		return err
	}
	return v.forgive(ctx, key)
}

// Note writes into the log what is being changed. If it can't, nothing changes.
type Note func(context.Context) error

// SetPassword replaces a person's password; that he knows the old one was checked.
func (v *Vault) SetPassword(ctx context.Context, person domain.PersonID, password string, note Note) error {
	if err := CheckPassword(password, ""); err != nil {
		return err
	}
	hash, err := v.hasher.hash(ctx, password)
	if err != nil {
		return err
	}
	return v.change(ctx, note, ErrNoPassword, `UPDATE vault.account SET password = $2, password_at = $3 WHERE person = $1`, person, hash, v.now())
}

// change carries out a statement that changes one row, and notes it; none is the error if there was nothing to change.
func (v *Vault) change(ctx context.Context, note Note, none error, statement string, args ...any) error {
	return pgx.BeginFunc(ctx, v.db, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, statement, args...)
		if err == nil && tag.RowsAffected() == 0 {
			err = none
		}
		if err != nil {
			return err
		}
		return note(ctx)
	})
}
