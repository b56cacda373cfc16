package portal

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/pquerna/otp/totp"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/user"
	"avportal/http/web"
)

var systemhaus = domain.Tenant(strings.ReplaceAll(resellerID, "-", ""))

// inVault tells in which tables of the vault a text stands.
func (h *house) inVault(text string) (tables []string) {
	h.Helper()
	rows, err := h.portal.writers.Query(h.Context(), `SELECT tablename FROM pg_tables WHERE schemaname = 'vault' ORDER BY 1`)
	check(h, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	check(h, err)
	for _, table := range all {
		var there bool
		check(h, h.portal.writers.QueryRow(h.Context(), fmt.Sprintf(`SELECT EXISTS (SELECT FROM vault.%s t WHERE strpos(t::text, $1) > 0)`, table), text).Scan(&there))
		if there {
			tables = append(tables, table)
		}
	}
	return tables
}

// nothingInFiles looks at every byte of the portal's data directory, where the log is.
func (h *house) nothingInFiles(texts ...string) {
	h.Helper()
	files := 0
	err := filepath.WalkDir(h.portal.cfg.DataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // the node tidies up meanwhile
		}
		content, _ := os.ReadFile(path)
		files++
		for _, text := range texts {
			if bytes.Contains(content, []byte(text)) {
				h.Errorf("%q stands in %s", text, path)
			}
		}
		return nil
	})
	if check(h, err); files < 3 {
		h.Errorf("only %d files were searched", files)
	}
}

// totpOn switches one-time codes on, and gives the recovery codes.
func (b *browser) totpOn(password string) []any {
	b.Helper()
	seed := b.api(200, "POST", "/me/totp", map[string]any{"password": password})["secret"].(string)
	code, err := totp.GenerateCode(seed, time.Now())
	check(b, err)
	return b.api(200, "POST", "/me/totp/confirm", map[string]any{"code": code})["recovery_codes"].([]any)
}

// Who is erased from the last organization that he belongs to has no account any more; another organization keeps it for him.
func TestAnErasedPersonHasNoAccount(t *testing.T) {
	h := startHouse(t)
	admin, vera := h.browser(), h.browser()
	admin.signIn()
	admin.synced()
	const email, password = "vera@systemhaus.example", "vier Wörter sind besser"
	first := vera.api(201, "POST", "/invitations/accept", map[string]any{"secret": admin.invite(email, "reseller_technician"), "password": password})
	u := admin.api(201, "POST", "/users", map[string]any{"first_name": "Vera", "surname": "Vogel", "email": email, "role": "customer_admin", "customer": "c1"})
	_, secret, err := commands.IssueInvitation(t.Context(), h.portal.commands, time.Now(), systemhaus, domain.UserID(u["id"].(string)))
	check(t, err)
	other := h.browser()
	other.api(201, "POST", "/invitations/accept", map[string]any{"secret": secret, "password": password})
	codes := other.totpOn(password) // it signs her out everywhere else
	in := map[string]any{"email": email, "password": password, "code": codes[0]}
	vera.api(201, "POST", "/session", in)
	h.browser().api(401, "POST", "/session", map[string]any{"email": email, "password": "wrong wrong"})
	var person string
	check(t, h.portal.writers.QueryRow(t.Context(), `SELECT person FROM vault.account`).Scan(&person))
	if first["role"] != "reseller_technician" || len(h.inVault(person)) < 4 {
		t.Fatalf("she stands in %v to begin with", h.inVault(person))
	}

	if past := admin.api(200, "GET", "/users?as_of="+u["position"].(string), nil); len(past["items"].([]any)) < 2 {
		t.Errorf("the users just now: %v", past)
	}
	list := vera.api(200, "GET", "/session/organisations", nil)["items"].([]any)
	technician := list[0].(map[string]any)["user"].(string)
	if list[0].(map[string]any)["customer"] != nil {
		technician = list[1].(map[string]any)["user"].(string)
	}
	admin.api(200, "DELETE", "/users/"+technician, nil)
	if left := h.inVault(technician); strings.Join(left, " ") != "subject_key" { // that she never gets another key
		t.Errorf("the membership stands in %v", left)
	}
	in["code"] = codes[1]
	vera = h.browser()
	if s := vera.api(201, "POST", "/session", in); s["customer"] != "c1" {
		t.Errorf("the other organization: %v", s)
	}
	admin.api(200, "DELETE", "/users/"+u["id"].(string), nil)
	vera.api(401, "GET", "/me", nil)
	for _, text := range []string{person, email, "Vogel"} {
		if left := h.inVault(text); left != nil {
			t.Errorf("%q stands in %v", text, left)
		}
	}
	h.nothingInFiles(email, "Vogel")
	for _, table := range []string{"account", "recovery_code", "sign_in_failure"} {
		var rows int
		check(t, h.portal.writers.QueryRow(t.Context(), `SELECT count(*) FROM vault.`+table).Scan(&rows))
		if rows > 0 && table != "sign_in_failure" || rows > 1 { // one is that of the network address
			t.Errorf("%d rows are left in %s", rows, table)
		}
	}
	in["code"] = codes[2]
	if p := h.browser().api(401, "POST", "/session", in); p["code"] != "sign_in_refused" {
		t.Errorf("she signs in: %v", p)
	}
	// Moments of the past that were built before go too.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var moments int
		check(t, h.portal.writers.QueryRow(t.Context(), `SELECT count(*) FROM portal.as_of`).Scan(&moments))
		if moments == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d moments are left", moments)
		}
	}
	// Invited anew, she is somebody else.
	h.browser().api(201, "POST", "/invitations/accept", map[string]any{"secret": admin.invite(email, "reseller_readonly"), "password": password})
}

// What a person has granted in the Reseller Portal is not used after he is erased, also if the portal is killed before it was
// deleted: the policy does it.
func TestAnErasedPersonGrantsNothing(t *testing.T) {
	h := startHouse(t)
	admin, b := h.browser(), h.browser()
	admin.signIn()
	admin.synced()
	b.as = ben
	b.signIn()
	me := b.api(200, "GET", "/me", nil)["id"].(string)
	if s := admin.api(200, "GET", "/reseller/sync", nil); s["connected"] != true {
		t.Fatalf("to begin with: %v", s)
	}
	rq := commands.Request{Actor: domain.SystemActor("test", systemhaus), At: time.Now(), ID: uuid.New()}
	_, err := commands.EraseUser(t.Context(), h.portal.commands, rq, user.Erase{Tenant: systemhaus, User: domain.UserID(me), At: rq.At}) // and then it is broken off
	check(t, err)
	for deadline := time.Now().Add(10 * time.Second); len(h.inVault(me)) > 1; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("he still stands in %v", h.inVault(me))
		}
	}
	if s := admin.api(200, "GET", "/reseller/sync", nil); s["connected"] != false {
		t.Errorf("after the erasure: %v", s)
	}
	if p := b.authorize(b.toConsent(web.LoginPath)); p.status != http.StatusForbidden || !strings.Contains(p.text, "no access") {
		t.Errorf("he comes again: %d %s", p.status, p.text)
	}
	// What he has granted just now is not kept either.
	if s := admin.api(200, "GET", "/reseller/sync", nil); s["connected"] != false {
		t.Errorf("after he came again: %v", s)
	}
}
