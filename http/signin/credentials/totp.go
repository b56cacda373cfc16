package credentials

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"avportal/domain"
	"avportal/domain/session"
)

const (
	issuer        = "AV Portal"
	period        = 30 // seconds of one step
	leeway        = 1  // steps before and after, for clocks that differ
	recoveryCodes = 10
)

// Refusals about one-time codes.
var (
	ErrWrongCode = ErrWrong.At("/code").With("This code is wrong, or was used already.")
	ErrTOTPOn    = &domain.Error{Class: domain.Conflict, Code: "totp_on", Message: "One-time codes are on already. Switch them off first."}
	ErrTOTPOff   = &domain.Error{Class: domain.Conflict, Code: "totp_off", Message: "One-time codes are not on, or their seed was not asked for."}
)

func aboutTOTP(person domain.PersonID) string { return "seed of one-time codes of " + string(person) }

// BeginTOTP makes the seed that a person's authenticator app needs. It counts for nothing until EndTOTP. Label names the
// account in the app.
func (v *Vault) BeginTOTP(ctx context.Context, person domain.PersonID, label string) (secret, uri string, err error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: label, Period: period, SecretSize: 20})
	if err != nil {
		return "", "", err
	}
	tag, err := v.db.Exec(ctx, `UPDATE vault.account SET totp = $2, totp_step = 0 WHERE person = $1 AND NOT totp_on`,
		person, v.key.Seal(aboutTOTP(person), []byte(key.Secret())))
	if err != nil {
		return "", "", err
	}
	if tag.RowsAffected() == 0 {
		if _, found, err := v.find(ctx, `person = $1`, person); err != nil || !found {
			return "", "", errors.Join(ErrNoPassword, err)
		}
		return "", "", ErrTOTPOn
	}
	return key.Secret(), key.URL(), nil
}

// EndTOTP switches one-time codes on, once the person has shown one, and answers recovery codes for when the app is lost.
func (v *Vault) EndTOTP(ctx context.Context, person domain.PersonID, code string, note Note) (codes []string, err error) {
	var a account
	err = v.db.QueryRow(ctx, `SELECT person, totp, totp_step FROM vault.account WHERE person = $1 AND totp IS NOT NULL AND NOT totp_on`, person).
		Scan(&a.person, &a.totp, &a.step)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrTOTPOff
	}
	if err != nil {
		return nil, err
	}
	if err := v.useTOTP(ctx, a, code); err != nil {
		return nil, err
	}
	err = pgx.BeginFunc(ctx, v.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE vault.account SET totp_on = true WHERE person = $1`, person); err != nil {
			return err
		}
		if codes, err = renewRecovery(ctx, tx, person); err != nil {
			return err
		}
		return note(ctx)
	})
	return codes, err
}

// EndAllTOTP switches one-time codes off; the recovery codes go with them.
func (v *Vault) EndAllTOTP(ctx context.Context, person domain.PersonID, note Note) error {
	return v.change(ctx, note, ErrTOTPOff, `WITH off AS (UPDATE vault.account SET totp = NULL, totp_on = false WHERE person = $1 AND totp_on RETURNING person),
		gone AS (DELETE FROM vault.recovery_code c USING off WHERE c.person = off.person) SELECT FROM off`, person)
}

// secondFactor takes a code of the app, or a recovery code.
func (v *Vault) secondFactor(ctx context.Context, a account, code string) (session.Method, error) {
	if len(strings.TrimSpace(code)) == otp.DigitsSix.Length() {
		return session.PasswordAndCode, v.useTOTP(ctx, a, code)
	}
	tag, err := v.db.Exec(ctx, `DELETE FROM vault.recovery_code WHERE hash = $1 AND person = $2`, recoveryHash(code), a.person)
	if err == nil && tag.RowsAffected() == 0 {
		err = ErrWrong
	}
	return session.RecoveryCode, err
}

// useTOTP takes a code once: its step must be later than that of the last one.
func (v *Vault) useTOTP(ctx context.Context, a account, code string) error {
	seed, err := v.key.Open(aboutTOTP(a.person), a.totp)
	if err != nil {
		return err
	}
	now := v.now().Unix() / period
	for step := now - leeway; step <= now+leeway; step++ {
		ok, err := hotp.ValidateCustom(strings.TrimSpace(code), uint64(step), string(seed), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // after 1970
		if err != nil || !ok {
			continue
		}
		tag, err := v.db.Exec(ctx, `UPDATE vault.account SET totp_step = $2 WHERE person = $1 AND totp_step < $2`, a.person, step)
		if err != nil || tag.RowsAffected() == 1 {
			return err
		}
	}
	return ErrWrongCode
}

// NewRecoveryCodes replaces a person's recovery codes. They are shown this once.
func (v *Vault) NewRecoveryCodes(ctx context.Context, person domain.PersonID, note Note) (codes []string, err error) {
	err = pgx.BeginFunc(ctx, v.db, func(tx pgx.Tx) error {
		if codes, err = renewRecovery(ctx, tx, person); err != nil {
			return err
		}
		return note(ctx)
	})
	return codes, err
}

func renewRecovery(ctx context.Context, tx pgx.Tx, person domain.PersonID) ([]string, error) {
	codes := make([]string, recoveryCodes)
	hashes := make([][]byte, recoveryCodes)
	for i := range codes {
		b := make([]byte, 15)
		_, _ = rand.Read(b) // never fails
		text := strings.ToLower(base32.StdEncoding.EncodeToString(b))
		codes[i] = strings.Join([]string{text[:6], text[6:12], text[12:18], text[18:]}, "-")
		hashes[i] = recoveryHash(codes[i])
	}
	var on bool
	if err := tx.QueryRow(ctx, `SELECT totp_on FROM vault.account WHERE person = $1 FOR UPDATE`, person).Scan(&on); err != nil || !on {
		return nil, errors.Join(ErrTOTPOff, ignoreNone(err))
	}
	_, err := tx.Exec(ctx, `DELETE FROM vault.recovery_code WHERE person = $1`, person)
	if err == nil {
		_, err = tx.Exec(ctx, `INSERT INTO vault.recovery_code (hash, person) SELECT h, $2 FROM unnest($1::bytea[]) h`, hashes, person)
	}
	return codes, err
}

func ignoreNone(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

func recoveryHash(code string) []byte {
	plain := strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(code))
	sum := sha256.Sum256([]byte(plain))
	return sum[:]
}

// Held tells which credentials a person has.
type Held struct {
	Password      bool
	PasswordAt    time.Time
	TOTP          bool
	RecoveryCodes int // that are left
}

// Held tells which credentials a person has.
func (v *Vault) Held(ctx context.Context, person domain.PersonID) (h Held, err error) {
	err = v.db.QueryRow(ctx, `SELECT true, password_at, totp_on, (SELECT count(*) FROM vault.recovery_code c WHERE c.person = a.person)
		FROM vault.account a WHERE person = $1`, person).Scan(&h.Password, &h.PasswordAt, &h.TOTP, &h.RecoveryCodes)
	h.PasswordAt = h.PasswordAt.UTC()
	return h, ignoreNone(err)
}
