package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// patience is how long a mail server may take to answer.
const patience = 15 * time.Second

// Server is the mail server that takes what the portal sends.
type Server struct {
	host    string
	from    *netmail.Address
	options []gomail.Option
}

// NewServer reads the address of a mail server: smtp://user:password@host:587 for STARTTLS, without which nothing is sent;
// smtps://… for TLS from the beginning; smtp+unencrypted://… for a server on this machine, or a neighbor in a private network,
// whose name has no dot. An empty address is no server.
func NewServer(address, from string) (*Server, error) {
	if address == "" {
		return nil, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("the mail server must be like smtp://user:password@mail.example:587")
	}
	s := &Server{host: u.Hostname()}
	if s.from, err = netmail.ParseAddress(from); err != nil {
		return nil, errors.New("mails need a sender: set --mail-from to an address like portal@example.com")
	}
	port := 587
	switch u.Scheme {
	case "smtp":
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case "smtps":
		port = 465
		s.options = append(s.options, gomail.WithSSL())
	case "smtp+unencrypted":
		if ip := net.ParseIP(s.host); strings.Contains(s.host, ".") && ip == nil || ip != nil && !ip.IsLoopback() || u.User != nil {
			return nil, errors.New("mails go unencrypted, and without a password, to this machine or to a neighbor only; use smtp:// or smtps://")
		}
		port = 25
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("the mail server must be smtp://, smtps:// or smtp+unencrypted://, not %q", u.Scheme)
	}
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, errors.New("the port of the mail server is none")
		}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()), gomail.WithPassword(password))
	}
	s.options = append(s.options, gomail.WithPort(port), gomail.WithTimeout(patience), gomail.WithoutNoop(),
		gomail.WithTLSConfig(&tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}))
	return s, nil
}

// message is a mail that is ready to be sent.
type message struct {
	id         string // Message-ID, without brackets
	to         string
	subject    string
	text, html string
	language   string
	at         time.Time
}

// Rejected says that the server will not take this mail, now or later. It tells the server's code and not its words, since they may
// hold the address.
type Rejected struct{ Code string }

func (e *Rejected) Error() string { return "the mail server has rejected the mail: " + e.Code }

// send hands a mail to the server. The error is *Rejected if it is of no use to try again.
func (s *Server) send(ctx context.Context, m message) error {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.From(s.from.String()), msg.To(m.to)); err != nil {
		return &Rejected{"the address can't be written to"}
	}
	msg.Subject(oneLine(m.subject))
	msg.SetMessageIDWithValue(m.id)
	msg.SetDateWithValue(m.at)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no notes of absence, please
	msg.SetGenHeader("Content-Language", m.language)
	msg.SetBodyString(gomail.TypeTextPlain, m.text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.html)
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return err
	}
	if err := client.DialWithContext(ctx); err != nil {
		return fmt.Errorf("the mail server can't be reached: %w", err)
	}
	err = client.Send(msg)
	_ = client.Close() // what it has taken, it has taken
	if msg.IsDelivered() {
		return nil
	}
	return judge(err)
}

// judge tells what is refused for good from what may go another time. Who refuses the sender will refuse every mail, so that is
// for whoever runs the portal to put right.
func judge(err error) error {
	var refusal *gomail.SendError
	if !errors.As(err, &refusal) {
		return err
	}
	code := strings.TrimSpace(fmt.Sprintf("%d %s", refusal.ErrorCode(), refusal.EnhancedStatusCode()))
	switch refusal.Reason {
	case gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		if refusal.ErrorCode() >= 500 {
			return &Rejected{code}
		}
	}
	if refusal.ErrorCode() == 0 {
		return errors.New("the connection to the mail server broke off")
	}
	return errors.New("the mail server answers " + code)
}

// oneLine leaves out what has no place in a header or in a line of text.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069': // turns the direction of what follows
			return -1
		}
		return r
	}, s)
}
