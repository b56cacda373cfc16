package mail_test

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"avportal/domain"
	"avportal/domain/user"
	"avportal/http/mail"
	"avportal/http/mail/sink"
)

// parts are the text and the HTML of a mail.
func parts(t *testing.T, m sink.Mail) (text, markup string) {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(m.Raw))
	check(t, err)
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if check(t, err); kind != "multipart/alternative" {
		t.Fatalf("the mail is %s", kind)
	}
	for r := multipart.NewReader(msg.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return text, markup
		}
		check(t, err)
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		check(t, err)
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			markup = string(body)
		} else {
			text = string(body)
		}
	}
}

var linkIn = regexp.MustCompile(`https://portal\.example/auth/[a-z]+#(\S+)`)

// link is the secret in a mail.
func link(t *testing.T, text string) string {
	t.Helper()
	m := linkIn.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no link in\n%s", text)
	}
	return m[1]
}

// What people are called can break neither the headers nor the markup.
func TestHostileNames(t *testing.T) {
	o := openOffice(t)
	names := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</p></body>`, `{{.URL}}`, `&lt;b&gt;`, `'; DROP TABLE--`, `a=b?c&d`, `=?utf-8?q?x?=`, `javascript:alert(1)`,
	}
	for i, name := range names {
		o.invite(userID(i), user.Details{Salutation: "mr", FirstName: "X", Surname: name, Language: user.English})
	}
	o.follow()
	for i, m := range o.count(len(names)) {
		text, markup := parts(t, m)
		want := "Dear Mr " + names[i] + ","
		if !strings.HasPrefix(text, want) {
			t.Errorf("%q: the text begins %.60q", names[i], text)
		}
		root, err := html.Parse(strings.NewReader(markup))
		check(t, err)
		found, elements := false, map[string]int{}
		var walk func(n *html.Node)
		walk = func(n *html.Node) {
			if n.Type == html.ElementNode {
				elements[n.Data]++
			}
			found = found || n.Type == html.TextNode && n.Data == want
			for c := n.FirstChild; c != nil; c = c.NextSibling {
				walk(c)
			}
		}
		walk(root)
		if !found || elements["script"]+elements["img"]+elements["b"] > 0 || elements["p"] < 5 || elements["a"] != 2 {
			t.Errorf("%q: found %v, elements %v", names[i], found, elements)
		}
	}
}

func TestMailServersByAddress(t *testing.T) {
	for address, good := range map[string]bool{
		"smtp://u:p@mail.example:587": true, "smtps://u:p@mail.example": true, "smtp://mail.example": true, "smtp+unencrypted://127.0.0.1:1025": true,
		"smtp+unencrypted://localhost:1025": true, "smtp+unencrypted://[::1]:25": true, "smtp+unencrypted://mailpit:1025": true,
		"smtp+unencrypted://mail.example": false, "smtp+unencrypted://10.0.0.1": false, "smtp+unencrypted://u:p@localhost": false,
		"http://mail.example": false, "mail.example:25": false, "smtp://": false, "smtp://mail.example/x": false, "smtp://mail.example?tls=no": false,
	} {
		if s, err := mail.NewServer(address, from); (err == nil) != good || (s != nil) != good || err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if s, err := mail.NewServer("", ""); s != nil || err != nil {
		t.Errorf("no server: %v", err)
	}
	for _, sender := range []string{"", "nobody", "a@b.example\r\nBcc: x@y.example", "a@b.example, c@d.example"} {
		if _, err := mail.NewServer("smtp://mail.example", sender); err == nil {
			t.Errorf("%q may send", sender)
		}
	}
}

func userID(i int) domain.UserID { return domain.UserID("u" + strconv.Itoa(i)) }
