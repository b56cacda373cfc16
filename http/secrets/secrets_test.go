package secrets_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/crypto/argon2"

	"avportal/domain"
	"avportal/http/secrets"
	"avportal/projections/postgres/postgrestest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

func TestSecrets(t *testing.T) {
	ctx := t.Context()
	db, err := pgxpool.New(ctx, postgrestest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	v, err := secrets.New(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secrets.New(ctx, db); err != nil { // another start
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
