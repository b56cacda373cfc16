package secrets_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/crypto/argon2"

	"avportal/domain"
	"avportal/http/secrets"
	"avportal/http/vault"
	"avportal/projections/postgres/postgrestest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

func key(t *testing.T, b byte) *vault.Key {
	t.Helper()
	k, err := vault.New(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What stands in the table says nothing, and opens neither with another key nor in another row. What an older portal has left in clear
// is sealed at the next start.
func TestSecretsAreSealed(t *testing.T) {
	ctx := t.Context()
	db := postgrestest.Pool(t)
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(db.Exec(ctx, `CREATE SCHEMA vault; CREATE TABLE vault.profile_secret (
		tenant text NOT NULL, id text NOT NULL, profile text NOT NULL, value text NOT NULL, PRIMARY KEY (tenant, id));
		INSERT INTO vault.profile_secret VALUES ('`+string(tenant)+`', 's1', 'p1', 'geheim')`))
	for range 2 {
		v, err := secrets.New(ctx, db, key(t, 7))
		do(v, err)
		if got, err := v.Reveal(ctx, tenant, "s1"); got != "geheim" || err != nil {
			t.Errorf("after the upgrade: %q, %v", got, err)
		}
		do(nil, v.Keep(ctx, tenant, "p1", "s2", "anders"))
	}
	var rows string
	do(nil, db.QueryRow(ctx, `SELECT string_agg(r::text || encode(sealed, 'escape'), ' ') FROM vault.profile_secret r`).Scan(&rows))
	if strings.Contains(rows, "geheim") || strings.Contains(rows, "anders") || !strings.Contains(rows, "s1") {
		t.Errorf("the table: %s", rows)
	}
	other, err := secrets.New(ctx, db, key(t, 8))
	do(other, err)
	if got, err := other.Reveal(ctx, tenant, "s1"); err == nil {
		t.Errorf("with another key: %q", got)
	}
	do(db.Exec(ctx, `UPDATE vault.profile_secret SET sealed = (SELECT sealed FROM vault.profile_secret WHERE id = 's1') WHERE id = 's2'`))
	v, err := secrets.New(ctx, db, key(t, 7))
	do(v, err)
	if got, err := v.Reveal(ctx, tenant, "s2"); err == nil {
		t.Errorf("in another row: %q", got)
	}
}

func TestSecrets(t *testing.T) {
	ctx := t.Context()
	db, err := pgxpool.New(ctx, postgrestest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	v, err := secrets.New(ctx, db, key(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.New(ctx, db, key(t, 7)); err != nil { // another start
		t.Fatal(err)
	}
	intent := uuid.New()
	id, other := secrets.IDFor(intent, "proxy"), secrets.IDFor(intent, "lock")
	if id == other || id != secrets.IDFor(intent, "proxy") {
		t.Errorf("ids %s, %s", id, other)
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(v.Keep(ctx, tenant, "p1", id, "geheim"))
	do(v.Keep(ctx, tenant, "p1", id, "other")) // repeated: what was kept stays
	do(v.Copy(ctx, tenant, id, "copy", "p2"))
	do(v.Forget(ctx, tenant, "p1"))
	if _, err := v.Reveal(ctx, tenant, id); !errors.Is(err, secrets.ErrUnknown) {
		t.Errorf("forgotten: %v", err)
	}
	if got, err := v.Reveal(ctx, tenant, "copy"); got != "geheim" || err != nil {
		t.Errorf("the copy is %q, %v", got, err)
	}
	if _, err := v.Reveal(ctx, "ffffffffffffffffffffffffffffffff", "copy"); !errors.Is(err, secrets.ErrUnknown) {
		t.Errorf("another tenant's: %v", err)
	}
	if err := v.Copy(ctx, tenant, "none", "x", "p2"); !errors.Is(err, secrets.ErrUnknown) {
		t.Errorf("a copy of nothing: %v", err)
	}
}

func TestAHashChecksItsPasswordAlone(t *testing.T) {
	hash := secrets.Hash("geheim")
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || strings.Join(parts[:4], "$") != "$argon2id$v=19$m=47104,t=2,p=1" || secrets.Hash("geheim") == hash {
		t.Fatalf("the hash is %s", hash)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		t.Fatal(err)
	}
	check := func(password string) bool {
		return base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(password), salt, 2, 46<<10, 1, 32)) == parts[5]
	}
	if !check("geheim") || check("Geheim") {
		t.Error("the hash does not tell its password from others")
	}
}
