package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"avportal/domain/catalog"
	"avportal/domain/platform"
	"avportal/domain/token"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
)

// A token that is made on the command line stands in the log as others do, and ends as others do.
func TestATokenIsMadeOnTheCommandLine(t *testing.T) {
	d := startDev(t, t.TempDir(), "--no-agent")
	var me struct{ ID, Tenant, Role string }
	d.json("/api/v1/me", &me)
	admin, tenant := d.run.Token, me.Tenant
	auditor := strings.TrimSpace(d.must("token", "create", "--role", "auditor", "--tenant", tenant, "--name", "Audit 2026", "--days", "30"))
	operator := strings.TrimSpace(d.must("token", "create", "--role", "operator", "--name", "setup"))
	for secret, role := range map[string]string{auditor: "auditor", operator: "operator"} {
		status, body := d.do(secret, "GET", "/api/v1/me", "")
		if err := json.Unmarshal(body, &me); err != nil || status != 200 || me.Role != role {
			t.Errorf("the token of the %s: %d %s", role, status, body)
		}
		if role == "operator" {
			d.standsInTheLog(token.ID(strings.TrimPrefix(me.ID, "token-")), secret)
		}
	}
	var log struct {
		Items []struct {
			Action string
			Actor  struct{ Kind, ID string }
		}
	}
	d.json("/api/v1/activities?limit=1", &log)
	if len(log.Items) != 1 || log.Items[0].Action != "token.create" || log.Items[0].Actor.Kind != "system" {
		t.Errorf("the action log: %+v", log)
	}
	var list struct{ Items []struct{ ID, Name string } }
	d.json("/api/v1/tokens", &list)
	if len(list.Items) == 0 || list.Items[0].Name != "Audit 2026" {
		t.Fatalf("the tokens: %v", list)
	}
	if status, body := d.do(admin, "DELETE", "/api/v1/tokens/"+list.Items[0].ID, ""); status != 204 {
		t.Errorf("revoked: %d %s", status, body)
	}
	d.json("/api/v1/activities?limit=1", &log)
	if log.Items[0].Action != "token.revoke" {
		t.Errorf("the action log: %+v", log)
	}
	if status, _ := d.do(auditor, "GET", "/api/v1/me", ""); status != 401 {
		t.Errorf("the revoked token: %d", status)
	}
	if out, err := d.tool("token", "create", "--role", "auditor", "--tenant", tenant, "--name", "x", "--days", "400"); err == nil || !strings.Contains(out, "365") {
		t.Errorf("for too long: %s, %v", out, err)
	}
	d.stop()
}

// standsInTheLog looks for an operator's token among what the operators do.
func (d *devProcess) standsInTheLog(id token.ID, secret string) {
	d.Helper()
	store, err := esdb.Open(esdb.Config{ConnectionString: d.run.EventStore, Registry: catalog.Registry()})
	if err != nil {
		d.Fatal(err)
	}
	defer store.Close(context.Background()) //nolint:errcheck // the server goes away
	n := 0
	for r, err := range store.Read(d.Context(), token.Stream(platform.Tenant, id), eventstore.Start, eventstore.Forward, 0) {
		if err != nil || r.Type != "token.created" || strings.Contains(string(r.Data), secret) {
			d.Errorf("the log tells %s %s, %v", r.Type, r.Data, err)
		}
		n++
	}
	if n != 1 {
		d.Errorf("%d events of token %s", n, id)
	}
}
