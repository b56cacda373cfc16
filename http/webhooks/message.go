package webhooks

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/notice"
	"avportal/domain/reseller"
	"avportal/domain/webhook"
	"avportal/eventstore"
	"avportal/http/outward"
	"avportal/http/texts"
)

// message is the body of a request. Fields are only ever added to it.
type message struct {
	Type      string    `json:"type"` // notice.<kind>, or "test"
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	ID       string            `json:"id,omitempty"`
	Kind     domain.Notice     `json:"kind,omitempty"`
	Severity domain.Severity   `json:"severity,omitempty"`
	Title    string            `json:"title"`
	Text     string            `json:"text"`
	Happened *time.Time        `json:"happened,omitempty"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	License  domain.LicenseID  `json:"license,omitempty"`
	Group    domain.GroupID    `json:"group,omitempty"`
	Device   domain.DeviceID   `json:"device,omitempty"`
	User     domain.UserID     `json:"user,omitempty"`
	Facts    *notice.Facts     `json:"facts,omitempty"`
}

// Result is how one attempt went.
type Result struct {
	OK     bool
	Status int    // of the answer; 0: there was none
	Reason string // why it did not get through
	At     time.Time
}

// Test sends a message that tells of nothing, to see whether the other side takes it.
func (s *Sender) Test(ctx context.Context, t domain.Tenant, id webhook.ID, l texts.Language, testID string) (Result, error) {
	w, err := s.get(ctx, t, id)
	if err != nil {
		return Result{}, err
	}
	now := s.Now()
	return s.send(ctx, t, w, testID, message{Type: "test", Timestamp: now.UTC(), Data: data{
		Title: l.Name("webhook", "test"), Text: l.Name("webhook", "test_text"),
	}})
}

func (s *Sender) get(ctx context.Context, t domain.Tenant, id webhook.ID) (w webhook.Webhook, err error) {
	hooks, err := s.all(ctx, t)
	for _, w := range hooks {
		if w.ID == id {
			return w, nil
		}
	}
	return w, errors.Join(err, domain.ErrNotFound)
}

// messageOf reads a notice from its stream, and says it in the reseller's language.
func (s *Sender) messageOf(ctx context.Context, t domain.Tenant, id notice.ID) (message, error) {
	language := texts.German
	err := commands.Inspect(ctx, s.Commands, reseller.Stream(t), func(r reseller.State, _ eventstore.Revision) {
		language = texts.Language(cmp.Or(string(r.Language()), string(language)))
	})
	if err != nil {
		return message{}, err
	}
	for r, err := range s.Commands.Store().Read(ctx, notice.Stream(t, id), eventstore.Start, eventstore.Forward, 1) {
		if err != nil {
			return message{}, err
		}
		if e, ok := r.Event.(notice.Raised); ok {
			title, text := language.Notice(e.Kind, e.Facts)
			return message{Type: "notice." + string(e.Kind), Timestamp: e.At, Data: data{
				ID: string(e.Notice), Kind: e.Kind, Severity: e.Kind.Severity(), Title: title, Text: text, Happened: &e.Happened,
				Customer: e.Subject.Customer, License: e.Subject.License, Group: e.Subject.Group, Device: e.Subject.Device, User: e.Subject.User, Facts: &e.Facts,
			}}, nil
		}
	}
	return message{}, domain.ErrNotFound
}

// send makes one attempt. The error is one of this side; what the other side does wrong is in the result.
func (s *Sender) send(ctx context.Context, t domain.Tenant, w webhook.Webhook, id string, m message) (Result, error) {
	now := s.Now()
	out := Result{At: now}
	if w.Settings.URL.Erased() || w.Settings.URL.Text == "" {
		return out, errors.New("webhooks: the address can't be read")
	}
	body, err := json.Marshal(m)
	if err != nil {
		return out, err
	}
	signature, err := s.sign(ctx, t, w, id, now, body)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, outward.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Settings.URL.Text, bytes.NewReader(body))
	if err != nil {
		out.Reason = "address"
		return out, nil //nolint:nilerr // it is the other side's
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "AV-Portal-Webhooks/1")
	r.Header.Set(standardwebhooks.HeaderWebhookID, id)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	res, err := s.client.Do(r)
	if err != nil {
		out.Reason = reasonOf(err)
		return out, nil
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, outward.MaxAnswer)) // what it says does not matter
	out.Status, out.OK = res.StatusCode, res.StatusCode >= 200 && res.StatusCode < 300
	switch {
	case out.OK:
	case res.StatusCode >= 300 && res.StatusCode < 400:
		out.Reason = "redirect"
	default:
		out.Reason = "status"
	}
	return out, nil
}

// sign signs with each secret that holds just now.
func (s *Sender) sign(ctx context.Context, t domain.Tenant, w webhook.Webhook, id string, at time.Time, body []byte) (string, error) {
	var all []string
	for _, secretID := range w.Secrets(at) {
		secret, err := s.secret(ctx, t, secretID)
		if err != nil {
			return "", err
		}
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return "", err
		}
		signature, err := signer.Sign(id, at, body)
		if err != nil {
			return "", err
		}
		all = append(all, signature)
	}
	return strings.Join(all, " "), nil
}

// reasonOf is a code: what a failed connection says would tell of the portal's network.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, outward.ErrAddress), errors.Is(err, outward.ErrPort):
		return "address"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "timeout"
	}
	return "connection"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
