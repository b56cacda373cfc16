package portal

import (
	"context"
	"time"

	"avportal/http/outward"
	"avportal/http/webhooks"
)

// openWebhooks prepares what tells resellers of notices by HTTP.
func (p *Portal) openWebhooks(ctx, background context.Context) (err error) {
	p.webhooks, err = webhooks.New(ctx, webhooks.Config{
		DB: p.writers, Key: p.key, Commands: p.commands, Calls: outward.Policy{Private: p.cfg.PrivateWebhooks}, Now: time.Now, Log: p.cfg.Log,
	})
	if err != nil {
		return err
	}
	p.work.Go(func() { p.webhooks.Run(background) })
	return nil
}
