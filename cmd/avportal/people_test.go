package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Who runs the installation erases a person on the command line, beside a portal that runs.
func TestAPersonIsErasedOnTheCommandLine(t *testing.T) {
	d := startDev(t, t.TempDir(), "--no-agent")
	var me struct{ Tenant string }
	d.json("/api/v1/me", &me)
	invited := d.post("/api/v1/users", map[string]any{"first_name": "Vera", "surname": "Vogel", "email": "vera@huber.example", "role": "auditor"})
	var user struct{ Surname, Status string }
	d.eventually("the user is listed", func() bool {
		status, _ := d.get("/api/v1/users/" + invited.ID)
		return status == 200
	})
	db, err := pgx.Connect(t.Context(), d.run.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background()) //nolint:errcheck // the server goes away
	_, err = db.Exec(t.Context(), `INSERT INTO vault.membership VALUES ('p1', $1, $2, now())`, me.Tenant, invited.ID)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice does no harm
		out, err := exec.CommandContext(t.Context(), binary(t, "avportal"), "people", "erase", "--data", d.data, "--tenant", me.Tenant, invited.ID).CombinedOutput()
		if err != nil || !strings.Contains(string(out), invited.ID+" is erased") {
			t.Fatalf("%s, %v", out, err)
		}
	}
	d.eventually("the portal shows it", func() bool {
		d.json("/api/v1/users/"+invited.ID, &user)
		return user.Status == "erased" && user.Surname == ""
	})
	var left int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM vault.membership WHERE user_id = $1`, invited.ID).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d memberships are left, %v", left, err)
	}
	out, err := exec.CommandContext(t.Context(), binary(t, "avportal"), "people", "erase", "--data", d.data, "--tenant", me.Tenant, "nobody").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nobody") {
		t.Errorf("who is not there: %s, %v", out, err)
	}
	d.stop()
}
