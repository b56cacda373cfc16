package main

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"avportal/http/mail/sink"
)

// letterbox is a mail server that outlives the portal.
func letterbox(t *testing.T) *sink.Sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := sink.Serve(l, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// send posts to the API and gives the body.
func (d *devProcess) send(method, path string, status int, body any) map[string]any {
	d.Helper()
	content, err := json.Marshal(body)
	if err != nil {
		d.Fatal(err)
	}
	rq, err := http.NewRequestWithContext(d.Context(), method, d.run.URL+path, bytes.NewReader(content))
	if err != nil {
		d.Fatal(err)
	}
	rq.Header.Set("Authorization", "Bearer "+d.run.Token)
	rq.Header.Set("Content-Type", "application/json")
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		d.Fatal(err)
	}
	defer rs.Body.Close()
	text, err := io.ReadAll(rs.Body)
	if err != nil || rs.StatusCode != status {
		d.Fatalf("%s %s: %d %s, %v", method, path, rs.StatusCode, text, err)
	}
	answer := map[string]any{}
	_ = json.Unmarshal(text, &answer)
	return answer
}

// arrived waits for as many mails to one address, and gives the last of them as text.
func arrived(t *testing.T, s *sink.Sink, to string, n int) string {
	t.Helper()
	var last sink.Mail
	await(t, func() (any, bool) {
		found := 0
		for _, m := range s.Mails() {
			if m.To == to {
				found, last = found+1, m
			}
		}
		return found, found >= n
	})
	text, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(last.Raw)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// to counts the mails to an address as a mailbox does, by their Message-ID: a portal that is killed after the server has taken a mail
// and before it could note that sends the same one again.
func to(t *testing.T, s *sink.Sink, address string) int {
	t.Helper()
	ids := map[string]bool{}
	for _, m := range s.Mails() {
		if m.To != address {
			continue
		}
		read, err := mail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		id := read.Header.Get("Message-Id")
		if id == "" {
			t.Errorf("a mail without Message-ID: %s", m.Raw)
		}
		ids[id] = true
	}
	return len(ids)
}

var mailedLink = regexp.MustCompile(`http://[^\s"<]+/auth/[a-z]+#[A-Za-z0-9_-]+`)

// Somebody is invited; the portal is killed at once, and again after the mail has gone out. He gets one mail, follows its link in a
// browser, chooses a password and is in.
func TestAnInvitationByMail(t *testing.T) {
	box, data := letterbox(t), t.TempDir()
	args := []string{"--no-agent", "--smtp", box.URL(), "--mail-from", "AV Portal <portal@systemhaus.example>"}
	d := startDev(t, data, args...)
	args = append(args, "--listen", strings.TrimPrefix(d.run.URL, "http://"))
	const vera, password = "vera@systemhaus.example", "vier Wörter sind besser"
	invited := d.send("POST", "/api/v1/users", 201, map[string]any{"first_name": "Vera", "surname": "Vogel", "email": vera, "role": "reseller_technician"})
	if invited["invitation_link"] != nil {
		t.Errorf("the answer holds the link: %v", invited)
	}
	d.kill()
	d = startDev(t, data, args...)
	link := mailedLink.FindString(arrived(t, box, vera, 1))
	d.kill()
	d = startDev(t, data, args...)
	if !strings.HasPrefix(link, d.run.URL) {
		t.Fatalf("the link in the mail is %q", link)
	}
	b := openBrowser(t)
	b.do(chromedp.Navigate(link), chromedp.WaitVisible("#password"), chromedp.SendKeys("#password", password))
	await(t, func() (any, bool) {
		email := b.script(`document.getElementById('email').value`)
		return email, email == vera
	})
	b.do(chromedp.Click("#send"), chromedp.WaitVisible("#done"))
	if me := b.api(d.run.URL + "/api/v1/me"); me["role"] != "reseller_technician" || me["id"] != invited["id"] {
		t.Errorf("me: %v", me)
	}
	time.Sleep(3 * time.Second) // another mail would be on its way by now
	if n := to(t, box, vera); n != 1 {
		t.Errorf("%d mails have come", n)
	}
	var list struct{ Items []struct{ ID string } }
	_, body := d.get("/api/v1/activities?action=user.invite&limit=1")
	if err := json.Unmarshal(body, &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%s: %v", body, err)
	}
	if _, activity := d.get("/api/v1/activities/" + list.Items[0].ID); strings.Count(string(activity), `"mail.sent"`) != 1 {
		t.Errorf("the activity of the invitation is %s", activity)
	}
}
