package credentials

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/pquerna/otp/totp"
	"go.uber.org/goleak"

	"avportal/domain"
	"avportal/domain/session"
	"avportal/http/vault"
	"avportal/projections/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, postgrestest.IgnoreServer()) }

const (
	email    = "anna@kunde.example"
	password = "vier Wörter sind besser"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T) (*Vault, *clock) {
	t.Helper()
	c := &clock{now: time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)}
	key, err := vault.New(make([]byte, 32))
	check(t, err)
	v, err := New(t.Context(), postgrestest.Pool(t), key, c.Now)
	check(t, err)
	check(t, v.Create(t.Context(), "p1", email, password))
	return v, c
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (v *Vault) try(t *testing.T, email, password, code string, want error) Verdict {
	t.Helper()
	verdict, err := v.Check(t.Context(), Attempt{Email: email, Password: password, Code: code, Address: "192.0.2.1/32"})
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("%s with %q and %q: %v, want %v", email, password, code, err, want)
	}
	return verdict
}

func TestPasswords(t *testing.T) {
	v, _ := open(t)
	if got := v.try(t, " ANNA@Kunde.example ", password, "", nil); got.Person != "p1" || got.Method != session.Password || got.Refusal != "" {
		t.Errorf("let in as %+v", got)
	}
	if got := v.try(t, email, "something else", "", ErrWrong); got.Person != "p1" || got.Refusal != session.WrongPassword {
		t.Errorf("a wrong password: %+v", got)
	}
	if got := v.try(t, "nobody@kunde.example", password, "", ErrWrong); got.Person != "" {
		t.Errorf("an account that there is not: %+v", got)
	}
	if err := v.Create(t.Context(), "p2", "Anna@kunde.example", password); !errors.Is(err, ErrAccountExists) {
		t.Errorf("a second account of the same address: %v", err)
	}
	for _, weak := range []string{"", "short", "password1", "12345678", "qwertyuiop", "anna@kunde.example", string(make([]byte, 200))} {
		if err := v.Create(t.Context(), "p3", "b@c.de", weak); !errors.Is(err, ErrWeak) && !errors.Is(err, domain.ErrInvalid) {
			if weak != email {
				t.Errorf("the password %q: %v", weak, err)
			}
		}
	}
	var leaks int
	check(t, v.db.QueryRow(t.Context(), `SELECT count(*) FROM vault.account a WHERE a::text ILIKE '%kunde%' OR a::text LIKE '%Wörter%'`).Scan(&leaks))
	if leaks != 0 {
		t.Error("an address or password stands in the database in clear")
	}
}

// Old parameters are replaced at the next sign-in.
func TestRehash(t *testing.T) {
	v, _ := open(t)
	old, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 8 * 1024, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	check(t, err)
	_, err = v.db.Exec(t.Context(), `UPDATE vault.account SET password = $1`, old)
	check(t, err)
	v.try(t, email, password, "", nil)
	a, _, err := v.find(t.Context(), `person = $1`, "p1")
	check(t, err)
	if p, _, _, err := argon2id.DecodeHash(a.password); err != nil || *p != *params {
		t.Errorf("after a sign-in the hash has the parameters %+v, %v", p, err)
	}
	v.try(t, email, password, "", nil)
}

func TestLockOut(t *testing.T) {
	v, c := open(t)
	for _, who := range []string{email, "nobody@kunde.example"} { // alike for both
		for range freeAttempts {
			v.try(t, who, "wrong wrong", "", ErrWrong)
		}
		v.try(t, who, password, "", ErrLocked)
	}
	c.pass(firstLock)
	v.try(t, email, "wrong wrong", "", ErrWrong)
	c.pass(firstLock) // it is twice as long now
	v.try(t, email, password, "", ErrLocked)
	c.pass(firstLock)
	v.try(t, email, password, "", nil)
	v.try(t, email, "wrong wrong", "", ErrWrong) // forgiven: it begins anew
	v.try(t, email, password, "", nil)
}

// Many at once are no way around the limit.
func TestLockOutOfManyAtOnce(t *testing.T) {
	v, _ := open(t)
	var passed atomic.Int32
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			if err := v.charge(t.Context(), v.loginKey(email), freeAttempts); err == nil {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if got := passed.Load(); got != freeAttempts {
		t.Errorf("%d attempts were let through, want %d", got, freeAttempts)
	}
}

func TestOneTimeCodes(t *testing.T) {
	v, c := open(t)
	secret, uri, err := v.BeginTOTP(t.Context(), "p1", "anna")
	check(t, err)
	if uri == "" {
		t.Error("no address for the app")
	}
	v.try(t, email, password, "", nil) // not on yet
	code := func() string {
		t.Helper()
		s, err := totp.GenerateCode(secret, c.Now())
		check(t, err)
		return s
	}
	if _, err := v.EndTOTP(t.Context(), "p1", "000000", noted); !errors.Is(err, ErrWrong) {
		t.Errorf("a wrong code: %v", err)
	}
	recovery, err := v.EndTOTP(t.Context(), "p1", code(), noted)
	check(t, err)
	v.try(t, email, password, "", ErrCodeRequired)
	if got := v.try(t, email, password, code(), ErrWrong); got.Refusal != session.WrongCode { // used already
		t.Errorf("a code again: %+v", got)
	}
	c.pass(time.Minute)
	if got := v.try(t, email, password, code(), nil); got.Method != session.PasswordAndCode {
		t.Errorf("let in by %+v", got)
	}
	if got := v.try(t, email, password, recovery[3], nil); got.Method != session.RecoveryCode || len(recovery) != recoveryCodes {
		t.Errorf("let in by %+v", got)
	}
	v.try(t, email, password, recovery[3], ErrWrong)
	if held, err := v.Held(t.Context(), "p1"); err != nil || !held.TOTP || !held.Password || held.RecoveryCodes != recoveryCodes-1 {
		t.Errorf("held: %+v, %v", held, err)
	}
	if _, _, err := v.BeginTOTP(t.Context(), "p1", "anna"); !errors.Is(err, ErrTOTPOn) {
		t.Errorf("begun again: %v", err)
	}
	check(t, v.EndAllTOTP(t.Context(), "p1", noted))
	v.try(t, email, password, "", nil)
	var leaks int
	check(t, v.db.QueryRow(t.Context(), `SELECT count(*) FROM vault.account a WHERE a::text LIKE '%' || $1 || '%'`, secret).Scan(&leaks))
	if leaks != 0 {
		t.Error("the seed stands in the database in clear")
	}
}

// Of many who show the same code at once, one gets in.
func TestACodeIsGoodOnce(t *testing.T) {
	v, c := open(t)
	secret, _, err := v.BeginTOTP(t.Context(), "p1", "anna")
	check(t, err)
	first, err := totp.GenerateCode(secret, c.Now())
	check(t, err)
	_, err = v.EndTOTP(t.Context(), "p1", first, noted)
	check(t, err)
	c.pass(time.Minute)
	code, err := totp.GenerateCode(secret, c.Now())
	check(t, err)
	a, _, err := v.find(t.Context(), `person = $1`, "p1")
	check(t, err)
	var passed atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if v.useTOTP(t.Context(), a, code) == nil {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	if passed.Load() != 1 {
		t.Errorf("the code was good %d times", passed.Load())
	}
}

func TestConfirmAndChange(t *testing.T) {
	v, _ := open(t)
	if err := v.Confirm(t.Context(), "p1", "wrong wrong"); !errors.Is(err, ErrWrong) {
		t.Errorf("a wrong password: %v", err)
	}
	check(t, v.Confirm(t.Context(), "p1", password))
	if err := v.Confirm(t.Context(), "p9", password); !errors.Is(err, ErrNoPassword) {
		t.Errorf("who has none: %v", err)
	}
	check(t, v.SetPassword(t.Context(), "p1", "fünf Wörter sind noch besser", noted))
	v.try(t, email, password, "", ErrWrong)
	v.try(t, email, "fünf Wörter sind noch besser", "", nil)
}

// Who comes when too many wait is told so at once.
func TestHashingIsBounded(t *testing.T) {
	h, err := newHasher()
	check(t, err)
	for range hashesAtOnce + hashesQueued {
		if !h.places.TryAcquire(1) {
			t.Fatal("fewer places than expected")
		}
	}
	if _, err := h.hash(t.Context(), password); !errors.Is(err, ErrBusy) {
		t.Errorf("beyond the queue: %v", err)
	}
}

func noted(context.Context) error { return nil }

// What can't be noted in the log does not happen.
func TestNothingChangesUnnoted(t *testing.T) {
	v, c := open(t)
	seed, _, err := v.BeginTOTP(t.Context(), "p1", "u1")
	check(t, err)
	code := func() string {
		c.pass(time.Minute)
		code, err := totp.GenerateCode(seed, c.Now())
		check(t, err)
		return code
	}
	away := errors.New("the log is away")
	broken := func(context.Context) error { return away }
	if _, err := v.EndTOTP(t.Context(), "p1", code(), broken); !errors.Is(err, away) {
		t.Error(err)
	}
	if h, err := v.Held(t.Context(), "p1"); err != nil || h.TOTP || h.RecoveryCodes != 0 {
		t.Errorf("one-time codes: %+v, %v", h, err)
	}
	first, err := v.EndTOTP(t.Context(), "p1", code(), noted)
	check(t, err)
	if _, err := v.NewRecoveryCodes(t.Context(), "p1", broken); !errors.Is(err, away) {
		t.Error(err)
	}
	for _, err := range []error{v.EndAllTOTP(t.Context(), "p1", broken), v.SetPassword(t.Context(), "p1", "fünf Wörter sind noch besser", broken)} {
		if !errors.Is(err, away) {
			t.Error(err)
		}
	}
	if verdict, err := v.Check(t.Context(), Attempt{Email: email, Password: password, Code: first[0]}); err != nil || verdict.Method != session.RecoveryCode {
		t.Errorf("what was before does not hold any more: %+v, %v", verdict, err)
	}
	second, err := v.NewRecoveryCodes(t.Context(), "p1", noted)
	check(t, err)
	if _, err := v.Check(t.Context(), Attempt{Email: email, Password: password, Code: first[1]}); !errors.Is(err, ErrWrong) {
		t.Errorf("a recovery code from before: %v", err)
	}
	if _, err := v.Check(t.Context(), Attempt{Email: email, Password: password, Code: second[1]}); err != nil {
		t.Errorf("a new recovery code: %v", err)
	}
}
