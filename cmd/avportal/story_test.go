package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// person is somebody who has signed in with a browser, and whose clicks a later user interface turns into calls of the API.
type person struct {
	browser
	portal string
	id     string
}

func (b browser) person(portal string) *person {
	b.Helper()
	return &person{b, portal, fmt.Sprint(b.api(portal + "/api/v1/me")["id"])}
}

// asks calls the API with the cookies of the browser, and wants a status.
func (p *person) asks(status int, method, path string, body any) map[string]any {
	p.Helper()
	var content []byte
	var err error
	if body != nil {
		if content, err = json.Marshal(body); err != nil {
			p.Fatal(err)
		}
	}
	rq, err := http.NewRequestWithContext(p.Context(), method, p.portal+"/api/v1"+path, bytes.NewReader(content))
	if err != nil {
		p.Fatal(err)
	}
	cookies, err := chromedp.Run(p.ctx, func(ctx context.Context, t *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{p.portal}})
	})
	if err != nil {
		p.Fatal(err)
	}
	for _, c := range cookies.Cookies {
		rq.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) //nolint:gosec // the browser's own
	}
	rq.Header.Set("Origin", p.portal)
	if body != nil {
		rq.Header.Set("Content-Type", "application/json")
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		p.Fatal(err)
	}
	defer rs.Body.Close()
	text, err := io.ReadAll(rs.Body)
	var answer map[string]any
	if err != nil || rs.StatusCode != status || json.Unmarshal(text, &answer) != nil {
		p.Fatalf("%s %s: %d %s, %v", method, path, rs.StatusCode, text, err)
	}
	return answer
}

func (p *person) steps() string {
	p.Helper()
	return fmt.Sprint(p.asks(200, "GET", "/me", nil)["steps"])
}

// The whole story on real things: the first login through the Reseller Portal, what it brings along, a colleague who is invited by
// mail, what he sets up for a customer, a device that meets a virus, whom that is mailed, and what the action log tells of it all.
func TestFromTheFirstLoginToAHealedDevice(t *testing.T) {
	if _, err := exec.LookPath("clamscan"); err != nil {
		t.Skip("NOT CHECKED: ClamAV is not installed; `make test` installs it where it may")
	}
	box := letterbox(t)
	d := startDev(t, t.TempDir(), "--no-agent", "--smtp", box.URL(), "--mail-from", "AV Portal <portal@systemhaus.example>")

	// Anna comes for the first time. What the Reseller Portal knows comes with her.
	b := openBrowser(t)
	b.do(chromedp.Navigate(d.run.URL+"/"), chromedp.Click("#sign-in"), chromedp.WaitVisible("#password"), chromedp.Click("button#sign-in"),
		chromedp.WaitVisible("#authorize"), chromedp.Click("#authorize"), chromedp.WaitVisible("#sign-out"))
	anna := b.person(d.run.URL)
	if got := anna.steps(); got != "[webinar conversion]" {
		t.Errorf("Anna is shown %s first", got)
	}
	await(t, func() (any, bool) {
		s := anna.asks(200, "GET", "/reseller/sync", nil)
		return s, s["state"] == "succeeded"
	})
	var license, customer string
	await(t, func() (any, bool) {
		found := anna.asks(200, "GET", "/licenses?q=Holzwurm", nil)["items"].([]any)
		if len(found) != 1 {
			return found, false
		}
		l := found[0].(map[string]any)
		license, customer = l["id"].(string), l["customer"].(map[string]any)["id"].(string)
		return l, true
	})

	// She has seen the introduction, and gives all groups a default profile.
	anna.asks(200, "PATCH", "/me/profile", map[string]any{"webinar_seen": true})
	standard := anna.asks(200, "POST", "/reseller/conversion", map[string]any{"accept": true})["profile"]
	if got := anna.steps(); got != "[]" {
		t.Errorf("after that, Anna is shown %s", got)
	}
	await(t, func() (any, bool) {
		groups := anna.asks(200, "GET", "/groups?license="+license, nil)["items"].([]any)
		p, _ := groups[0].(map[string]any)["profile"].(map[string]any)
		return groups, p["id"] == standard
	})

	// Vera is invited by mail.
	const email, password, told = "vera@systemhaus.example", "vier Wörter sind besser", "it@holzwurm.example"
	anna.asks(201, "POST", "/users", map[string]any{"first_name": "Vera", "surname": "Vogel", "email": email, "role": "reseller_technician"})
	b = openBrowser(t)
	b.do(chromedp.Navigate(mailedLink.FindString(arrived(t, box, email, 1))), chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", password),
		chromedp.Click("#send"), chromedp.WaitVisible("#done"))
	vera := b.person(d.run.URL)

	// She sets up a group whose profile names who is told of viruses.
	profile := vera.asks(201, "POST", "/profiles", map[string]any{"name": "Werkstatt", "owner": customer})["id"].(string)
	var settings map[string]any
	await(t, func() (any, bool) {
		_, body := d.get("/api/v1/profiles/" + profile)
		var p struct{ Settings map[string]any }
		_ = json.Unmarshal(body, &p)
		settings = p.Settings
		return string(body), settings != nil
	})
	settings["notifications"] = map[string]any{"recipients": []any{map[string]any{"address": told, "kinds": []string{"virus_found"}, "delivery": "instant"}}}
	vera.asks(200, "PUT", "/profiles/"+profile+"/settings", settings)
	group := vera.asks(201, "POST", "/groups", map[string]any{"license": license, "parent": license + ".main", "name": "Werkstatt"})["id"].(string)
	vera.asks(200, "PUT", "/groups/"+url.PathEscape(group)+"/profile", map[string]any{"profile": profile})

	// A device is installed there, meets a virus, and is scanned on her request.
	tid := fmt.Sprint(vera.asks(200, "GET", "/licenses/"+license, nil)["tid"])
	a := startClamAgent(t, d, tid, "--group", group)
	virus := filepath.Join(a.files, "rechnung.pdf.exe")
	if err := os.WriteFile(virus, []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}`+`$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`), 0o600); err != nil {
		t.Fatal(err)
	}
	scan := func() string {
		t.Helper()
		request := vera.asks(202, "POST", "/devices/"+a.device+"/scan", map[string]any{"profile": "full"})["request"].(string)
		a.answers(request)
		return request
	}
	first := scan()
	a.eventually("the dashboard and the list show the infection", func() bool {
		return a.listed("/api/v1/dashboard", "infected_devices") && a.listed("/api/v1/devices?infected=true&limit=200&license="+license, "items")
	})
	if mail := arrived(t, box, told, 1); !strings.Contains(mail, "Eicar") || !strings.Contains(mail, "Holzwurm") {
		t.Errorf("the mail says %s", mail)
	}
	if err := os.Remove(virus); err != nil {
		t.Fatal(err)
	}
	second := scan()
	a.eventually("the device is healthy again", func() bool {
		return !a.listed("/api/v1/dashboard", "infected_devices") && !a.listed("/api/v1/devices?infected=true&limit=200", "items")
	})

	anna.findsInTheLog([]deed{{"sync.start", "", ""}, {"license.import", "", license}}) // at the same time as she comes in
	anna.findsInTheLog([]deed{
		{"session.begin", anna.id, ""}, {"user.webinar", anna.id, ""}, {"reseller.convert", anna.id, ""},
		{"user.invite", anna.id, ""}, {"user.accept", vera.id, ""}, {"session.begin", vera.id, ""},
		{"profile.create", vera.id, ""}, {"profile.settings", vera.id, ""}, {"group.create", vera.id, ""}, {"group.profile", vera.id, ""},
		{"device.enroll", a.device, ""}, {"device.scan", vera.id, first}, {"device.scan", vera.id, second},
	})
	file := filepath.Join(t.TempDir(), "history.ndjson")
	if _, problems, code := auditTool(t, []string{"AVPORTAL_TOKEN=" + d.run.Token}, "export", "--url", d.run.URL, "--file", file); code != 0 {
		t.Fatalf("export: %d %s", code, problems)
	}
	history, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, holds := range []string{`"reseller.converted"`, `"user.accepted"`, `"profile.settings_changed"`, `"device.threat_found"`, `"device.threat_resolved"`, `"mail.sent"`} {
		if !bytes.Contains(history, []byte(holds)) {
			t.Errorf("the history for auditors holds no %s", holds)
		}
	}
	d.stop()
}

// deed is an entry of the action log: what was done, by whom, and about what, as far as that matters.
type deed struct{ action, actor, about string }

// findsInTheLog looks for deeds in the action log, in their order.
func (p *person) findsInTheLog(deeds []deed) {
	p.Helper()
	var log []map[string]any
	for next := ""; ; {
		page := p.asks(200, "GET", "/activities?limit=200"+next, nil)
		for _, a := range page["items"].([]any) {
			log = append(log, a.(map[string]any))
		}
		cursor, more := page["next_cursor"].(string)
		if !more {
			break
		}
		next = "&cursor=" + url.QueryEscape(cursor)
	}
	slices.Reverse(log)
	at := 0
	for _, want := range deeds {
		i := slices.IndexFunc(log[at:], func(a map[string]any) bool {
			actor, _ := a["actor"].(map[string]any)
			entry, _ := json.Marshal(a)
			return a["action"] == want.action && (want.actor == "" || actor["id"] == want.actor) && strings.Contains(string(entry), want.about)
		})
		if i < 0 {
			var rest []string
			for _, a := range log[at:] {
				rest = append(rest, fmt.Sprint(a["action"], " ", a["actor"]))
			}
			p.Fatalf("the action log does not tell of %+v; from there on it tells of\n%s", want, strings.Join(rest, "\n"))
		}
		at += i + 1
	}
}
