package mail

import (
	"context"
	"embed"
	"errors"
	htmltemplate "html/template"
	"strings"
	texttemplate "text/template"

	"avportal/commands"
	"avportal/domain"
	mails "avportal/domain/mail"
	"avportal/domain/reseller"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/http/texts"
)

//go:embed templates
var files embed.FS

var (
	htmlLetter = htmltemplate.Must(htmltemplate.ParseFS(files, "templates/letter.html"))
	textLetter = texttemplate.Must(texttemplate.New("letter.txt").Funcs(texttemplate.FuncMap{"line": oneLine}).ParseFS(files, "templates/letter.txt"))
)

// letter is what a mail says; the templates give it its looks, as text and as HTML.
type letter struct {
	Language texts.Language
	Subject  string
	Greeting string
	Lines    []string
	Facts    []fact
	Action   string // what the link is for
	URL      string
	Closing  []string
	Portal   string // its address
}

// fact is a line of a small table.
type fact struct{ Label, Value string }

// writer writes letters in one language.
type writer struct{ texts.Language }

// To begins a letter to a person.
func (w writer) To(p user.Profile, subject string) letter {
	first, surname := p.FirstName.Text, p.Surname.Text
	greeting := w.Say("Hello %s %s,", first, surname)
	switch p.Salutation.Text {
	case "mr":
		greeting = w.Say("Dear Mr %s,", surname)
	case "mrs":
		greeting = w.Say("Dear Mrs %s,", surname)
	}
	return letter{Language: w.Language, Subject: subject, Greeting: greeting}
}

// compose writes a message, as things stand now. The error is errVoid if there is nothing to say any more.
func (m *Mailer) compose(ctx context.Context, q queued, events []eventstore.Recorded) (message, error) {
	var l letter
	var to domain.Personal
	var err error
	switch q.kind {
	case mails.Invitation:
		l, to, err = m.invitation(ctx, q, events[0])
	case mails.Recovery:
		l, to, err = m.recovery(ctx, q, events[0])
	case mails.SignInChanged:
		l, to, err = m.signInChanged(ctx, q, events[0])
	case mails.Notice:
		l, to, err = m.notice(ctx, q, events[0])
	case mails.Digest:
		l, to, err = m.digest(ctx, q, events)
	default:
		err = errVoid // an older portal, beside a newer one
	}
	if err == nil && (to.Erased() || to.Text == "") {
		err = errVoid
	}
	if err != nil {
		return message{}, err
	}
	l.Portal = m.PublicURL
	msg := message{id: q.id.String() + "@" + m.host, to: to.Text, subject: l.Subject, language: string(l.Language), at: events[0].At}
	msg.text, msg.html, err = l.render()
	return msg, err
}

func (l letter) render() (text, html string, err error) {
	var t, h strings.Builder
	err = errors.Join(textLetter.Execute(&t, l), htmlLetter.Execute(&h, l))
	return t.String(), h.String(), err
}

// resellerOf is the name and the language of a reseller.
func (m *Mailer) resellerOf(ctx context.Context, t domain.Tenant) (name string, l texts.Language, err error) {
	err = commands.Inspect(ctx, m.Commands, reseller.Stream(t), func(s reseller.State, _ eventstore.Revision) {
		name, l = s.Name(), texts.Language(s.Language())
	})
	return name, l, err
}
