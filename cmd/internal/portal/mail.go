package portal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"avportal/http/mail"
)

// openMail prepares what sends mails, if a mail server is configured.
func (p *Portal) openMail(ctx, background context.Context) error {
	server, err := mail.NewServer(p.cfg.SMTP, p.cfg.MailFrom)
	if err != nil {
		return err
	}
	public, err := p.mailAddress(server != nil)
	if err != nil {
		return err
	}
	p.mailer, err = mail.New(ctx, mail.Config{
		Server: server, PublicURL: public, DB: p.writers, Commands: p.commands, Credentials: p.passwords,
		Count: p.metrics.countMail, Now: time.Now, Log: p.cfg.Log,
	})
	if err != nil {
		return err
	}
	if server == nil {
		p.cfg.Log.Warn("no mails are sent, --smtp names no mail server; who invites somebody gets the link to pass on")
	}
	p.work.Go(func() { p.mailer.Run(background) })
	return nil
}

// mailAddress is what links in mails begin with.
func (p *Portal) mailAddress(sends bool) (string, error) {
	if a, ok := p.listener.Addr().(*net.TCPAddr); sends && p.cfg.PublicURL == "" && ok && a.IP.IsUnspecified() {
		return "", errors.New("mails hold links: set --public-url to where people find the portal")
	}
	public, _, err := p.public()
	return public, err
}

// mailHealth says how mails stand. The portal is ready without them.
func (p *Portal) mailHealth(ctx context.Context) string {
	if !p.mailer.Sends() {
		return "off"
	}
	s, err := p.mailer.Status(ctx)
	switch {
	case err != nil:
		return "unknown"
	case s.Flagged > 0:
		return fmt.Sprintf("%d not sent, since the log does not hold what they are about", s.Flagged)
	case s.Reason != "":
		return fmt.Sprintf("%d waiting: %s", s.Waiting, s.Reason)
	}
	return "ok"
}

func (p *Portal) forgetMails(ctx context.Context) {
	if err := p.mailer.Clear(ctx); err != nil && ctx.Err() == nil {
		p.cfg.Log.Warn("old mails can't be forgotten", "err", err)
	}
}
