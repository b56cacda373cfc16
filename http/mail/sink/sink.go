// Package sink is a mail server that delivers nothing: it keeps what it is sent, and writes each mail to a file. A demo portal
// sends its mails there, and tests do.
package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Mail is one that has come.
type Mail struct {
	From, To string // of the envelope
	Raw      []byte
}

// Header reads a field of the mail.
func (m Mail) Header(name string) string {
	parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
	if err != nil {
		return ""
	}
	return parsed.Header.Get(name)
}

// Sink is a running mail server. Make one with Serve.
type Sink struct {
	server  *smtp.Server
	address string
	dir     string

	mu     sync.Mutex
	mails  []Mail
	refuse func(stage string) error
}

// Serve takes mails on a listener. With a folder it writes each to a file that mail programs can open.
func Serve(l net.Listener, dir string) (*Sink, error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	s := &Sink{address: l.Addr().String(), dir: dir}
	s.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{sink: s}, nil }))
	s.server.Domain = "localhost"
	s.server.EnableSMTPUTF8 = true
	s.server.MaxMessageBytes = 10 << 20
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

// URL is what a portal is configured with.
func (s *Sink) URL() string { return "smtp+unencrypted://" + s.address }

// Refuse lets a function judge each stage ("mail", "rcpt", "data" before the text, "taken" after it). It may answer an *smtp.SMTPError,
// or wait; nil lets everything pass.
func (s *Sink) Refuse(f func(stage string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = f
}

// Mails are those that have come, in order.
func (s *Sink) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Close ends it.
func (s *Sink) Close() error {
	if err := s.server.Close(); !errors.Is(err, smtp.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Sink) stage(name string) error {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse == nil {
		return nil
	}
	return refuse(name)
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9@._-]`)

func (s *Sink) keep(m Mail) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	if s.dir == "" {
		return nil
	}
	name := fmt.Sprintf("%s-%03d-%s.eml", time.Now().Format("20060102-150405"), len(s.mails), unfit.ReplaceAllString(m.To, "_"))
	return os.WriteFile(filepath.Join(s.dir, name), m.Raw, 0o600)
}

// session is a connection.
type session struct {
	sink *Sink
	mail Mail
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.mail = Mail{From: from}
	return s.sink.stage("mail")
}

// Rcpt names a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = to
	return s.sink.stage("rcpt")
}

// Data takes the text.
func (s *session) Data(r io.Reader) (err error) {
	if err := s.sink.stage("data"); err != nil {
		return err
	}
	if s.mail.Raw, err = io.ReadAll(r); err != nil {
		return err
	}
	if err := s.sink.keep(s.mail); err != nil {
		return err
	}
	return s.sink.stage("taken")
}

// Reset begins anew.
func (s *session) Reset() { s.mail = Mail{} }

// Logout ends the connection.
func (s *session) Logout() error { return nil }
