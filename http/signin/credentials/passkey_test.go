package credentials

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"avportal/domain"
	"avportal/domain/session"
	"avportal/domain/user"
)

var here = virtualwebauthn.RelyingParty{Name: issuer, ID: "portal.example", Origin: "https://portal.example"}

// device is a phone or a key with one passkey on it.
type device struct {
	*testing.T
	v *Vault
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

func openWithPasskeys(t *testing.T) (*device, *clock) {
	t.Helper()
	v, c := open(t)
	check(t, v.ServeAt(here.Origin))
	return v.device(t), c
}

func (v *Vault) device(t *testing.T) *device {
	return &device{t, v, virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte("p1")}), newKey()}
}

// newKey leaves out the one key in 128 of which the library writes a coordinate with a byte too few.
func newKey() virtualwebauthn.Credential {
	const whole = 77
	for {
		if c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(c.Key.AttestationData()) == whole {
			return c
		}
	}
}

func notedOne(user.PasskeyID) Note { return noted }

// make answers as a browser at a site would.
func (d *device) make(at virtualwebauthn.RelyingParty) []byte {
	d.Helper()
	options, err := d.v.BeginPasskey(d.Context(), "p1", email)
	check(d.T, err)
	asked, err := json.Marshal(options)
	check(d.T, err)
	parsed, err := virtualwebauthn.ParseAttestationOptions(string(asked))
	check(d.T, err)
	if parsed.RelyingPartyID != here.ID || parsed.UserID != "p1" || parsed.UserName != email || !strings.Contains(string(asked), `"userVerification":"required"`) {
		d.Errorf("the browser is asked for %s", asked)
	}
	return []byte(virtualwebauthn.CreateAttestationResponse(at, d.Authenticator, d.key, *parsed))
}

func (d *device) add(name string) Passkey {
	d.Helper()
	p, err := d.v.EndPasskey(d.Context(), "p1", name, d.make(here), notedOne)
	check(d.T, err)
	return p
}

// use answers as a browser at a site would, and counts on.
func (d *device) use(at virtualwebauthn.RelyingParty) []byte {
	d.Helper()
	options, err := d.v.BeginPasskeySignIn(d.Context())
	check(d.T, err)
	asked, err := json.Marshal(options)
	check(d.T, err)
	parsed, err := virtualwebauthn.ParseAssertionOptions(string(asked))
	check(d.T, err)
	d.key.Counter++
	return []byte(virtualwebauthn.CreateAssertionResponse(at, d.Authenticator, d.key, *parsed))
}

func (d *device) wants(answer []byte, want Verdict) {
	d.Helper()
	got, err := d.v.CheckPasskey(d.Context(), answer, "192.0.2.1")
	if refused := want.Refusal != "" || want.Person == ""; got != want || (err != nil) != refused || refused && !errors.Is(err, ErrWrong) {
		d.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

var letIn = Verdict{Person: "p1", Method: session.Passkey}

func TestPasskeys(t *testing.T) {
	d, c := openWithPasskeys(t)
	first := d.add("Phone")
	second := d.v.device(t)
	c.pass(time.Second)
	second.add("YubiKey")
	d.wants(d.use(here), letIn)
	c.pass(time.Hour)
	second.wants(second.use(here), letIn)

	list, err := d.v.Passkeys(t.Context(), "p1")
	if err != nil || len(list) != 2 || list[0].ID != first.ID || list[0].Name != "Phone" || list[1].Name != "YubiKey" || list[1].UsedAt.IsZero() || list[0].Suspect {
		t.Fatalf("%+v, %v", list, err)
	}
	if _, err := d.v.EndPasskey(t.Context(), "p1", "Again", d.make(here), notedOne); !errors.Is(err, ErrPasskeyExists) {
		t.Errorf("the same passkey again: %v", err)
	}
	if err := d.v.RemovePasskey(t.Context(), "p2", first.ID, noted); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	away := errors.New("the log is away")
	if err := d.v.RemovePasskey(t.Context(), "p1", first.ID, func(context.Context) error { return away }); !errors.Is(err, away) {
		t.Error(err)
	}
	d.wants(d.use(here), letIn)
	check(t, d.v.RemovePasskey(t.Context(), "p1", first.ID, noted))
	d.wants(d.use(here), Verdict{Method: session.Passkey})
	second.wants(second.use(here), letIn)
	var clear int
	check(t, d.v.db.QueryRow(t.Context(), `SELECT count(*) FROM vault.passkey p WHERE p::text ~ 'YubiKey' OR p::text ~ encode('YubiKey', 'hex')`).Scan(&clear))
	if clear != 0 {
		t.Error("the name of a passkey stands in the database in clear")
	}
	check(t, Forget(t.Context(), d.v.db, "p1"))
	second.wants(second.use(here), Verdict{Method: session.Passkey})
}

func TestAPasskeyIsMadeForThisPortalJustNow(t *testing.T) {
	d, c := openWithPasskeys(t)
	end := func(answer []byte) error {
		_, err := d.v.EndPasskey(t.Context(), "p1", "Phone", answer, notedOne)
		return err
	}
	elsewhere := here
	elsewhere.Origin = "https://portal.example.evil.example"
	other := here
	other.ID = "evil.example"
	careless := d.v.device(t)
	careless.Options.UserNotVerified = true
	late := d.make(here)
	c.pass(challengeLife)
	once := d.make(here)
	check(t, end(once))
	for what, answer := range map[string][]byte{
		"another origin": d.make(elsewhere), "another party": d.make(other), "nobody was asked": careless.make(here), "too late": late, "twice": once, "nonsense": []byte(`{}`),
	} {
		if err := end(answer); !errors.Is(err, ErrPasskey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := d.v.EndPasskey(t.Context(), "p2", "Phone", d.v.device(t).make(here), notedOne); !errors.Is(err, ErrPasskey) {
		t.Errorf("begun by somebody else: %v", err)
	}
	if _, err := d.v.BeginPasskey(t.Context(), "p2", email); !errors.Is(err, ErrNoPassword) {
		t.Errorf("who has no account: %v", err)
	}
	for range maxPasskeys - 1 {
		d.v.device(t).add("One more")
	}
	if _, err := d.v.BeginPasskey(t.Context(), "p1", email); !errors.Is(err, ErrTooManyPasskeys) {
		t.Errorf("one too many: %v", err)
	}
}

func TestAPasskeyOpensThisPortalOnce(t *testing.T) {
	d, c := openWithPasskeys(t)
	d.add("Phone")
	wrong := Verdict{Person: "p1", Method: session.Passkey, Refusal: session.WrongPasskey}
	elsewhere := here
	elsewhere.Origin = "https://evil.example"
	d.wants(d.use(elsewhere), wrong)
	d.Options.UserNotVerified = true
	d.wants(d.use(here), wrong)
	d.Options.UserNotVerified = false
	d.Options.UserHandle = []byte("p2")
	d.wants(d.use(here), wrong)
	d.Options.UserHandle = []byte("p1")
	stranger := d.v.device(t)
	stranger.key.ID = d.key.ID // another key under the same name
	stranger.wants(stranger.use(here), wrong)
	late := d.use(here)
	c.pass(challengeLife)
	d.wants(late, Verdict{Method: session.Passkey})
	d.wants([]byte(`{"id": 7}`), Verdict{Method: session.Passkey})

	once := d.use(here)
	var all sync.WaitGroup
	results := make([]error, 20)
	for i := range results {
		all.Go(func() { _, results[i] = d.v.CheckPasskey(t.Context(), once, "192.0.2.7") })
	}
	all.Wait()
	passed := 0
	for _, err := range results {
		if err == nil {
			passed++
		}
	}
	if passed != 1 {
		t.Errorf("the same answer was good %d times", passed)
	}
}

// Two devices that count for themselves have the same passkey: one of them is a copy.
func TestACopiedPasskeyIsNoticed(t *testing.T) {
	d, _ := openWithPasskeys(t)
	d.add("Phone")
	copied := *d
	d.wants(d.use(here), letIn)
	copied.wants(copied.use(here), Verdict{Person: "p1", Method: session.Passkey, Refusal: session.CopiedPasskey})
	if list, err := d.v.Passkeys(t.Context(), "p1"); err != nil || !list[0].Suspect {
		t.Errorf("%+v, %v", list, err)
	}
	d.wants(d.use(here), letIn) // it says so still
	if list, err := d.v.Passkeys(t.Context(), "p1"); err != nil || !list[0].Suspect {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestPasskeysNeedAName(t *testing.T) {
	v, _ := open(t)
	check(t, v.ServeAt("http://127.0.0.1:8080"))
	if _, err := v.BeginPasskeySignIn(t.Context()); !errors.Is(err, ErrNoPasskeys) {
		t.Error(err)
	}
	if _, err := v.BeginPasskey(t.Context(), "p1", email); !errors.Is(err, ErrNoPasskeys) {
		t.Error(err)
	}
	check(t, v.ServeAt("http://localhost:8080"))
	if _, err := v.BeginPasskeySignIn(t.Context()); err != nil {
		t.Error(err)
	}
}
