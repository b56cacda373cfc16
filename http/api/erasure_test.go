package api_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/jackc/pgx/v5"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/esdb"
	"avportal/eventstore/logtool"
	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
	"avportal/eventstore/people"
	"avportal/projections/users"
)

// ring is a keyring that is there as soon as the portal's database is.
type ring struct{ *people.Vault }

// needles are texts about people, in the forms in which they might lie about. A table's text shows bytes as hexadecimal digits.
func needles(texts ...string) (forms [][]byte) {
	for _, t := range texts {
		wide := []byte{}
		for _, u := range utf16.Encode([]rune(t)) {
			wide = append(wide, byte(u), byte(u>>8)) //nolint:gosec // the two halves
		}
		escaped := strings.Trim(fmt.Sprintf("%+q", t), `"`)
		forms = append(forms, []byte(t), wide, []byte(url.QueryEscape(t)), []byte(escaped), []byte(fmt.Sprintf("%x", t)))
		for skip := range 3 { // base64 looks different at each offset
			coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat(" ", skip) + t))
			forms = append(forms, []byte(coded[skip*4/3+1:len(coded)-2]))
		}
	}
	return forms
}

func hits(where string, content []byte, forms [][]byte) (found []string) {
	for _, f := range forms {
		if bytes.Contains(content, f) {
			found = append(found, fmt.Sprintf("%q in %s", f, where))
		}
	}
	return found
}

// Erasing a person leaves nothing of him in clear: not in the log or its files, not in a backup, not in any table, not in what the
// portal has logged; and what is shown can be built anew.
func TestNothingOfAnErasedPersonIsLeft(t *testing.T) {
	dir := t.TempDir()
	n := nodetest.StartWith(t, node.Config{Dir: dir})
	keys := &ring{}
	store, err := esdb.Open(esdb.Config{ConnectionString: n.ConnectionString(), Registry: catalog.Registry(), Keys: keys})
	check(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		check(t, store.Close(ctx))
	})
	p := startOn(t, store)
	keys.Vault = p.people
	p.fleet()

	const first, surname, name2, email, email2 = "Gwendolin", "Überzwerg-Kästner", "Zwergenfürst", "gwendolin.zwerg@praxis.example", "gz-neu@praxis.example"
	forms := needles(first, surname, name2, email, email2)
	a := p.must(201, p.admin, "POST", "/api/v1/users", map[string]any{"first_name": first, "surname": surname, "email": email, "role": "customer_admin", "customer": "c1"},
		"Idempotency-Key", "invite-gwendolin")
	id := domain.UserID(a.body["id"].(string))
	p.must(200, p.admin, "PATCH", "/api/v1/users/"+string(id), map[string]any{"email": email2, "surname": name2})
	p.accept(id)
	p.must(200, p.admin, "GET", "/api/v1/users?q="+first, nil, "Portal-After", p.head().String())
	history := p.must(200, p.admin, "GET", "/api/v1/activities?limit=1", nil)
	activity := list(history)[0]["id"].(string)
	if len(p.inTables(forms)) == 0 {
		t.Fatal("the search of tables finds nothing to begin with")
	}
	if found := append(p.inLog(forms), inFiles(t, dir, forms)...); len(found) > 0 {
		t.Errorf("the log holds clear text: %s", found)
	}

	p.must(200, p.admin, "DELETE", "/api/v1/users/"+string(id), nil)
	got := p.must(200, p.admin, "GET", "/api/v1/users/"+string(id), nil, "Portal-After", p.head().String())
	if got.body["status"] != "erased" || got.body["email"] != "" || got.body["surname"] != "" {
		t.Errorf("after the erasure: %s", got.raw)
	}
	shown := p.must(200, p.admin, "GET", "/api/v1/activities/"+activity, nil)
	if found := hits("the action log", shown.raw, forms); len(found) > 0 {
		t.Error(found)
	}
	if at, err := p.engine.Verify(t.Context(), "users", nil); err != nil { // built anew from the log, it is the same
		t.Errorf("the view at %s: %v", at, err)
	}
	backup := filepath.Join(t.TempDir(), "log.backup")
	_, err = logtool.Backup(t.Context(), logtool.BackupConfig{From: n.ConnectionString(), File: backup})
	check(t, err)
	content, err := os.ReadFile(backup)
	check(t, err)
	found := append(p.inLog(forms), inFiles(t, dir, forms)...)
	found = append(append(found, p.inTables(forms)...), hits("the backup", content, forms)...)
	found = append(found, hits("the portal's log", p.log.Bytes(), forms)...)
	for _, f := range found {
		t.Error(f)
	}
	// A backup of the vault brings the key back: it is noticed, and destroyed again.
	_, err = p.db.Exec(t.Context(), `UPDATE vault.subject_key SET key = decode(repeat('ab', 32), 'hex'), destroyed_at = NULL WHERE subject = $1`, id)
	check(t, err)
	for _, want := range []int{1, 0} {
		readable, err := users.Readable(t.Context(), p.db)
		if err != nil || len(readable) != want || want == 1 && readable[0] != (users.Key{Tenant: tenant, User: id}) {
			t.Errorf("whose keys are there again: %v, %v", readable, err)
		}
		check(t, commands.ForgetMember(t.Context(), p.h, tenant, id))
	}
	again := p.must(200, p.admin, "DELETE", "/api/v1/users/"+string(id), nil)
	if again.body["changed"] != false {
		t.Errorf("erased twice: %s", again.raw)
	}
	if _, _, err := commands.IssueInvitation(t.Context(), p.h, p.clock(), tenant, id); err == nil {
		t.Error("an erased person can still be invited")
	}
}

// inLog looks at every event as it is stored, and as it is read now.
func (p *portal) inLog(forms [][]byte) (found []string) {
	p.Helper()
	for r, err := range p.store.ReadAll(p.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(p, err)
		found = append(found, hits("an event "+r.Type, r.Data, forms)...)
		found = append(found, hits("the metadata of an event "+r.Type, r.RawMeta, forms)...)
	}
	return found
}

// inTables looks at every row of every table there is.
func (p *portal) inTables(forms [][]byte) (found []string) {
	p.Helper()
	rows, err := p.db.Query(p.Context(), `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`)
	check(p, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(p, err)
	for _, table := range tables {
		var content string
		check(p, p.db.QueryRow(p.Context(), `SELECT coalesce(string_agg(t::text, E'\n'), '') FROM `+table+` AS t`).Scan(&content))
		found = append(found, hits("table "+table, []byte(content), forms)...)
	}
	if len(tables) < 10 {
		p.Errorf("only %d tables were searched", len(tables))
	}
	return found
}

// inFiles looks at every byte below a folder.
func inFiles(t *testing.T, dir string, forms [][]byte) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // the node tidies up meanwhile
		}
		if content, err := os.ReadFile(path); err == nil {
			found = append(found, hits("file "+filepath.Base(path), content, forms)...)
		}
		return nil
	})
	check(t, err)
	return found
}

// accept lets a person accept an invitation, as the sign-in would.
func (p *portal) accept(id domain.UserID) {
	p.Helper()
	_, secret, err := commands.IssueInvitation(p.Context(), p.h, p.clock(), tenant, id)
	check(p, err)
	_, _, err = commands.AcceptInvitation(p.Context(), p.h, commands.Request{At: p.clock(), ID: newID()}, secret, domain.PersonID("p-"+id))
	check(p, err)
}

// asMember is a token that stands for a member, as a session would.
func (p *portal) asMember(id domain.UserID) string {
	p.Helper()
	var grant domain.Actor
	err := commands.Inspect(p.Context(), p.h, user.Stream(tenant, id), func(s user.State, _ eventstore.Revision) {
		grant = domain.Actor{ID: string(id), Role: s.Role(), Tenant: tenant, Customer: s.Scope().Customer}
	})
	check(p, err)
	return p.tokenOf(grant)
}
