package portal

import (
	"context"
	"encoding/json"
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/descope/virtualwebauthn"
)

// authenticator answers what the portal asks a browser for.
type authenticator interface {
	create(options string) string
	get(options string) string
}

// soft is an authenticator in memory.
type soft struct {
	*testing.T
	party virtualwebauthn.RelyingParty
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

func (s *soft) create(options string) string {
	asked, err := virtualwebauthn.ParseAttestationOptions(options)
	check(s.T, err)
	s.Options.UserHandle = []byte(asked.UserID)
	return virtualwebauthn.CreateAttestationResponse(s.party, s.Authenticator, s.key, *asked)
}

func (s *soft) get(options string) string {
	asked, err := virtualwebauthn.ParseAssertionOptions(options)
	check(s.T, err)
	s.key.Counter++
	return virtualwebauthn.CreateAssertionResponse(s.party, s.Authenticator, s.key, *asked)
}

// chromium is a real browser on the portal's page, with an authenticator that always says yes.
type chromium struct {
	*testing.T
	ctx context.Context
}

func openChromium(t *testing.T, page string) *chromium {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("Chromium is missing: .ci/prepare installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()))
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	check(t, chromedp.Do(ctx, chromedp.Navigate(page)))
	_, err = chromedp.Call(ctx, webauthn.Enable, webauthn.EnableParams{})
	check(t, err)
	_, err = chromedp.Call(ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, AutomaticPresenceSimulation: true, IsUserVerified: true,
	}})
	check(t, err)
	return &chromium{t, ctx}
}

func (c *chromium) run(script string) string {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	check(c.T, err)
	return answer
}

func (c *chromium) create(options string) string {
	return c.run(`navigator.credentials.create({publicKey: PublicKeyCredential.parseCreationOptionsFromJSON((` + options + `).publicKey)}).then(c => JSON.stringify(c))`)
}

func (c *chromium) get(options string) string {
	return c.run(`navigator.credentials.get({publicKey: PublicKeyCredential.parseRequestOptionsFromJSON((` + options + `).publicKey)}).then(c => JSON.stringify(c))`)
}

// answered is the answer of an authenticator to what the API asks for.
func (b *browser) answered(path string, body any, with func(string) string) json.RawMessage {
	b.Helper()
	options, err := json.Marshal(b.api(200, "POST", path, body))
	check(b, err)
	return json.RawMessage(with(string(options)))
}

func TestPasskeys(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	address := free.Addr().(*net.TCPAddr)
	check(t, free.Close())
	h := startHouse(t, func(c *Config) { // a passkey belongs to a name
		c.Listen, c.PublicURL = address.String(), "http://localhost:"+address.AddrPort().String()[len("127.0.0.1:"):]
	})
	admin, vera := h.browser(), h.browser()
	admin.signIn()
	const password = "vier Wörter sind besser"
	vera.api(201, "POST", "/invitations/accept", map[string]any{"secret": admin.invite("vera@systemhaus.example", "reseller_technician"), "password": password})
	vera.totpOn(password)
	for name, device := range map[string]authenticator{
		"in memory": &soft{
			T: t, party: virtualwebauthn.RelyingParty{ID: "localhost", Origin: h.portal.PublicURL()}, Authenticator: virtualwebauthn.NewAuthenticator(),
			key: virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA),
		},
		"Chromium": openChromium(t, h.portal.PublicURL()+"/"),
	} {
		t.Run(name, func(*testing.T) {
			vera.api(401, "POST", "/me/passkeys/challenge", map[string]any{"password": "wrong wrong"})
			made := vera.answered("/me/passkeys/challenge", map[string]any{"password": password}, device.create)
			key := vera.api(201, "POST", "/me/passkeys", map[string]any{"name": name, "credential": made})
			vera.api(400, "POST", "/me/passkeys", map[string]any{"name": name, "credential": made}) // once

			other := h.browser()
			for range 2 { // and no one-time code is asked for
				if s := other.api(201, "POST", "/session/passkey", map[string]any{"credential": other.answered("/session/passkey/challenge", nil, device.get)}); s["method"] != "passkey" || s["role"] != "reseller_technician" {
					t.Errorf("signed in as %v", s)
				}
			}
			used := other.answered("/session/passkey/challenge", nil, device.get)
			other.api(201, "POST", "/session/passkey", map[string]any{"credential": used})
			other.api(401, "POST", "/session/passkey", map[string]any{"credential": used}) // once
			if list := vera.api(200, "GET", "/me/passkeys", nil)["items"].([]any); len(list) != 1 || list[0].(map[string]any)["name"] != name || list[0].(map[string]any)["used_at"] == nil {
				t.Errorf("the passkeys: %v", list)
			}
			vera.api(204, "DELETE", "/me/passkeys/"+key["id"].(string), nil)
			vera.api(404, "DELETE", "/me/passkeys/"+key["id"].(string), nil)
			other.api(401, "GET", "/me", nil) // it may have let somebody in
			other.api(401, "POST", "/session/passkey", map[string]any{"credential": other.answered("/session/passkey/challenge", nil, device.get)})
		})
	}
	admin.api(409, "POST", "/me/passkeys/challenge", map[string]any{"password": password}) // he signs in through the Reseller Portal
	told := map[any]int{}
	for _, a := range admin.api(200, "GET", "/activities?limit=200", nil)["items"].([]any) {
		told[a.(map[string]any)["action"]]++
	}
	if told["user.passkey_add"] != 2 || told["user.passkey_remove"] != 2 {
		t.Errorf("the action log: %v", told)
	}
}
