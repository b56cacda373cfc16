package api

import (
	"context"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/webhook"
	"avportal/eventstore"
	"avportal/http/webhooks"
)

// shownDeliveries is how many deliveries of a webhook are shown.
const shownDeliveries = 100

// ListWebhooks shows the reseller's webhooks, from their stream: they are never behind.
func (s *server) ListWebhooks(ctx context.Context, _ ListWebhooksRequestObject) (ListWebhooksResponseObject, error) {
	var items []Webhook
	err := commands.Inspect(ctx, s.Commands, webhook.Stream(callOf(ctx).actor.Tenant), func(st webhook.State, _ eventstore.Revision) {
		items = each(st.All(), webhookOf)
	})
	return ListWebhooks200JSONResponse{Items: items}, err
}

func webhookOf(w webhook.Webhook) Webhook {
	return Webhook{
		Id: string(w.ID), Name: w.Settings.Name, Url: w.Settings.URL.Text, Kinds: values[NoticeKind](&w.Settings.Kinds), Enabled: w.Disabled == "",
		DisabledBecause: some(WebhookDisabledBecause(w.Disabled)), CreatedAt: w.CreatedAt, SecretChangedAt: instant(w.RotatedAt),
	}
}

// webhook finds one of the reseller's webhooks.
func (s *server) webhook(ctx context.Context, id string) (w webhook.Webhook, err error) {
	there := false
	err = commands.Inspect(ctx, s.Commands, webhook.Stream(callOf(ctx).actor.Tenant), func(st webhook.State, _ eventstore.Revision) {
		w, there = st.Get(webhook.ID(id))
	})
	if err == nil && !there {
		err = domain.ErrNotFound
	}
	return w, err
}

// CreateWebhook adds a webhook. Its id and its secret follow from the intent, so that a repetition shows the same.
func (s *server) CreateWebhook(ctx context.Context, r CreateWebhookRequestObject) (CreateWebhookResponseObject, error) {
	c, b := callOf(ctx), r.Body
	if err := s.Webhooks.Check(b.Url); err != nil {
		return nil, err
	}
	rq := c.request()
	id, secretID := webhook.ID(rq.NewID("webhook").String()), webhooks.SecretFor(rq.ID)
	res, err := commands.Do[webhook.State](ctx, s.Commands, rq, webhook.Create{
		Tenant: c.actor.Tenant, Webhook: id, Secret: secretID, At: c.at, Settings: webhook.Settings{
			Name: b.Name, URL: addressOfWebhook(rq.ID, b.Url), Kinds: values[domain.Notice](&b.Kinds),
		},
	})
	if err != nil {
		return nil, err
	}
	w, err := s.webhook(ctx, string(id))
	if err != nil {
		return nil, err
	}
	// The log says so first: what is broken off here leaves a webhook without a secret, and goes on when it is repeated.
	secret, err := s.Webhooks.NewSecret(ctx, c.actor.Tenant, id, secretID)
	if err != nil {
		return nil, err
	}
	_, h := created("/webhooks/", id, res)
	return CreateWebhook201JSONResponse{WebhookCreated{Webhook: webhookOf(w), Secret: secret}, CreateWebhook201ResponseHeaders{Location: h.Location, PortalPosition: h.PortalPosition}}, nil
}

// addressOfWebhook is an address under a subject of its own, since it may hold a secret.
func addressOfWebhook(intent uuid.UUID, address string) domain.Personal {
	return domain.Personal{Subject: domain.Subject(uuid.NewSHA1(intent, []byte("webhook address")).String()), Text: address}
}

// ChangeWebhook changes what the caller names of a webhook.
func (s *server) ChangeWebhook(ctx context.Context, r ChangeWebhookRequestObject) (ChangeWebhookResponseObject, error) {
	c, b := callOf(ctx), r.Body
	w, err := s.webhook(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	settings := w.Settings
	if b.Name != nil {
		settings.Name = *b.Name
	}
	if b.Kinds != nil {
		settings.Kinds = values[domain.Notice](b.Kinds)
	}
	if b.Url != nil && *b.Url != settings.URL.Text {
		if err := s.Webhooks.Check(*b.Url); err != nil {
			return nil, err
		}
		settings.URL = addressOfWebhook(c.request().ID, *b.Url)
	}
	var steps []func(commands.Request) (commands.Result, error)
	do := func(step domain.Command[webhook.State]) {
		steps = append(steps, func(rq commands.Request) (commands.Result, error) { return commands.Do(ctx, s.Commands, rq, step) })
	}
	if b.Name != nil || b.Kinds != nil || b.Url != nil {
		do(webhook.Change{Tenant: c.actor.Tenant, Webhook: w.ID, Settings: settings, At: c.at})
	}
	switch {
	case b.Enabled == nil:
	case *b.Enabled:
		do(webhook.Enable{Tenant: c.actor.Tenant, Webhook: w.ID, At: c.at})
	default:
		do(webhook.Disable{Tenant: c.actor.Tenant, Webhook: w.ID, Reason: webhook.ByPerson, At: c.at})
	}
	res, err := c.inOrder(steps)
	if err != nil {
		return nil, err
	}
	body, h := changed(w.ID, res)
	return ChangeWebhook200JSONResponse{body, ChangeWebhook200ResponseHeaders(h)}, nil
}

// RemoveWebhook takes a webhook away. A policy drops its secrets and what waits for it.
func (s *server) RemoveWebhook(ctx context.Context, r RemoveWebhookRequestObject) (RemoveWebhookResponseObject, error) {
	c := callOf(ctx)
	id := webhook.ID(r.Id)
	res, err := commands.Do[webhook.State](ctx, s.Commands, c.request(), webhook.Remove{Tenant: c.actor.Tenant, Webhook: id, At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return RemoveWebhook200JSONResponse{body, RemoveWebhook200ResponseHeaders(h)}, nil
}

// ChangeWebhookSecret makes another secret. It is in the vault before the log names it, so that no request goes out unsigned.
func (s *server) ChangeWebhookSecret(ctx context.Context, r ChangeWebhookSecretRequestObject) (ChangeWebhookSecretResponseObject, error) {
	c := callOf(ctx)
	w, err := s.webhook(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	rq := c.request()
	secret, err := s.Webhooks.NewSecret(ctx, c.actor.Tenant, w.ID, webhooks.SecretFor(rq.ID))
	if err != nil {
		return nil, err
	}
	res, err := commands.Do[webhook.State](ctx, s.Commands, rq, webhook.ChangeSecret{Tenant: c.actor.Tenant, Webhook: w.ID, Secret: webhooks.SecretFor(rq.ID), At: c.at})
	if err != nil {
		return nil, err
	}
	return ChangeWebhookSecret200JSONResponse{WebhookSecret{Secret: secret}, ChangeWebhookSecret200ResponseHeaders{position(res.Position)}}, nil
}

// TestWebhook sends a message that tells of nothing, and says how it was answered. It changes nothing, so it stands in no log.
func (s *server) TestWebhook(ctx context.Context, r TestWebhookRequestObject) (TestWebhookResponseObject, error) {
	c := callOf(ctx)
	res, err := s.Webhooks.Test(ctx, c.actor.Tenant, webhook.ID(r.Id), languageOf(ctx), uuid.NewString())
	if err != nil {
		return nil, err
	}
	return TestWebhook200JSONResponse{Ok: res.OK, Status: some(res.Status), Reason: some(WebhookReason(res.Reason))}, nil
}

// ListWebhookDeliveries shows what was sent of late, and what waits.
func (s *server) ListWebhookDeliveries(ctx context.Context, r ListWebhookDeliveriesRequestObject) (ListWebhookDeliveriesResponseObject, error) {
	w, err := s.webhook(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	list, err := s.Webhooks.Deliveries(ctx, callOf(ctx).actor.Tenant, w.ID, shownDeliveries)
	return ListWebhookDeliveries200JSONResponse{Items: each(list, func(d webhooks.Delivery) WebhookDelivery {
		out := WebhookDelivery{
			Notice: string(d.Notice), Kind: NoticeKind(d.Kind), State: WebhookDeliveryState(d.State), QueuedAt: d.QueuedAt.UTC(), Attempts: d.Attempts,
			Status: some(d.Status), Reason: some(WebhookReason(d.Reason)),
		}
		if d.AttemptedAt != nil {
			out.AttemptedAt = instant(*d.AttemptedAt)
		}
		if d.State == "waiting" {
			out.NextAt = instant(d.NextAt)
		}
		return out
	})}, err
}
