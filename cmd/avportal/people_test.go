package main

import (
	"os/exec"
	"strings"
	"testing"
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
	out, err := exec.CommandContext(t.Context(), binary(t, "avportal"), "people", "erase", "--data", d.data, "--tenant", me.Tenant, "nobody").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nobody") {
		t.Errorf("who is not there: %s, %v", out, err)
	}
	d.stop()
}
