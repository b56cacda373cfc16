package api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/token"
	"avportal/eventstore"
)

// Who made a token, for whom, and who ended it, stands in the log; its secret does not.
func TestTokensStandInTheLog(t *testing.T) {
	p := start(t)
	p.fleet()
	made := p.must(201, p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "PSA", "role": "customer_readonly", "customer": "c1", "days": 30}, "Idempotency-Key", "k1")
	secret, id := made.body["secret"].(string), at(made.body, "token", "id").(string)
	p.must(200, secret, "GET", "/api/v1/me", nil)
	p.refused(409, "token_exists", p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "PSA", "role": "customer_readonly", "customer": "c1", "days": 30}, "Idempotency-Key", "k1")
	p.must(204, p.admin, "DELETE", "/api/v1/tokens/"+id, nil)
	p.refused(401, "unauthorized", secret, "GET", "/api/v1/me", nil)
	p.refused(404, "not_found", p.admin, "DELETE", "/api/v1/tokens/"+id, nil)
	p.refused(409, "token_exists", p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "PSA", "role": "customer_readonly", "customer": "c1", "days": 30}, "Idempotency-Key", "k1")
	var told []string
	for r, err := range p.store.Read(t.Context(), token.Stream(tenant, token.ID(id)), eventstore.Start, eventstore.Forward, 0) {
		check(t, err)
		told = append(told, r.Type+" by "+r.Meta.ActorID)
		if strings.Contains(string(r.Data), secret) {
			t.Error("the log tells the secret")
		}
	}
	if strings.Join(told, ", ") != "token.created by u-reseller_admin, token.revoked by u-reseller_admin" {
		t.Errorf("the log tells %s", told)
	}
	log := p.must(200, p.admin, "GET", "/api/v1/activities?limit=2", nil)
	if items := list(log); items[0]["action"] != "token.revoke" || items[1]["action"] != "token.create" {
		t.Errorf("the action log: %s", log.raw)
	}
}

// A portal that is killed between the log and the vault leaves a token that opens nothing, and the request goes on when it is
// repeated.
func TestATokenThatWasBrokenOff(t *testing.T) {
	p := start(t)
	stranded := p.must(201, p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "PSA", "role": "auditor"}, "Idempotency-Key", "k1")
	id := uuid.MustParse(at(stranded.body, "token", "id").(string))
	_, err := p.db.Exec(t.Context(), `DELETE FROM vault.api_token WHERE id = $1`, id) // as if it had not come so far
	check(t, err)
	again := p.must(201, p.admin, "POST", "/api/v1/tokens", map[string]any{"name": "PSA", "role": "auditor"}, "Idempotency-Key", "k1")
	if at(again.body, "token", "id") != id.String() {
		t.Errorf("repeated, it is another: %s", again.raw)
	}
	p.must(200, again.body["secret"].(string), "GET", "/api/v1/me", nil)

	rq := commands.Request{Actor: domain.Actor{Kind: domain.ActorUser, ID: "u", Role: domain.ResellerAdmin, Tenant: tenant}, At: p.clock(), ID: uuid.New()}
	_, err = commands.Do[token.State](t.Context(), p.h, rq, token.Revoke{Tenant: tenant, Token: token.ID(id.String()), At: rq.At})
	check(t, err)
	p.must(204, p.admin, "DELETE", "/api/v1/tokens/"+id.String(), nil) // the event was there, the vault did not know
	if err := p.vault.Revoke(t.Context(), domain.Scope{Tenant: tenant}, id); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("it was not revoked: %v", err)
	}
}
