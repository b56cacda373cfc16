package main

import (
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser is a real one, with an empty profile.
type browser struct {
	*testing.T
	ctx context.Context
}

func openBrowser(t *testing.T) browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("Chromium is missing: .ci/prepare installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()))
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // starts it; a time-out would end it
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	return browser{t, ctx}
}

func (b browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		where, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.Fatalf("%v, at %s", err, where)
	}
}

// text is what the page says.
func (b browser) text() string {
	b.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Text("body"))
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func (b browser) script(script string) string {
	b.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// api asks the API from outside of the page, with the cookie that the browser has: the page itself may fetch nothing.
func (b browser) api(url string) map[string]any {
	b.Helper()
	b.do(chromedp.Navigate(url))
	var answer map[string]any
	if text := b.text(); json.Unmarshal([]byte(text), &answer) != nil {
		b.Fatalf("%s answers %s", url, text)
	}
	return answer
}

// The first login, as a person does it: from the portal's page to the Reseller Portal, sign in, authorize, and back.
func TestFirstLoginInABrowser(t *testing.T) {
	d := startDev(t, t.TempDir(), "--no-agent")
	before := d.total("/api/v1/licenses?count=true")
	b := openBrowser(t)
	b.do(chromedp.Navigate(d.run.URL+"/"), chromedp.Click("#sign-in"),
		chromedp.WaitVisible("#password"), chromedp.Click("button#sign-in"),
		chromedp.WaitVisible("#authorize"))
	consent := b.text()
	for _, says := range []string{"Anna Vogel", "show user", "show accounts", "display licenses"} {
		if !strings.Contains(consent, says) {
			t.Errorf("the page with the permissions does not say %q: %s", says, consent)
		}
	}
	b.do(chromedp.Click("#authorize"), chromedp.WaitVisible("#sign-out"))
	if front := b.text(); !strings.Contains(front, "reseller_admin") {
		t.Errorf("the page says %s", front)
	}
	if readable := b.script(`document.cookie`); readable != "" {
		t.Errorf("a script of the page reads the cookie: %q", readable)
	}
	api := d.run.URL + "/api/v1"
	if me := b.api(api + "/me"); me["role"] != "reseller_admin" || me["kind"] != "user" {
		t.Errorf("me: %v", me)
	}
	await(t, func() (any, bool) {
		s := b.api(api + "/reseller/sync")
		return s, s["state"] == "succeeded" && s["licenses"] == float64(before+3) && s["refused"] == 0.0
	})
	await(t, func() (any, bool) {
		l := b.api(api + "/licenses?count=true")
		return l["total"], l["total"] == float64(before+3)
	})
	if found := b.api(api + "/licenses?q=Holzwurm")["items"].([]any); len(found) != 1 || found[0].(map[string]any)["state"] != "expiring" {
		t.Errorf("a license that only the Reseller Portal had: %v", found)
	}
	b.do(chromedp.Navigate(d.run.URL+"/"), chromedp.Click("#sign-out"), chromedp.WaitVisible("a#sign-in"))
	if me := b.api(api + "/me"); me["code"] != "unauthorized" {
		t.Errorf("after signing out: %v", me)
	}
}

// await waits until something is as wanted.
func await(t *testing.T, look func() (any, bool)) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if got, ok := look(); ok {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("still %v", got)
		}
	}
}

// total is how many there are of a list.
func (d *devProcess) total(path string) int {
	d.Helper()
	_, body := d.get(path)
	var answer struct{ Total int }
	if err := json.Unmarshal(body, &answer); err != nil {
		d.Fatal(err)
	}
	return answer.Total
}
