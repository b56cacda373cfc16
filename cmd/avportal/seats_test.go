package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/http/agent/wire"
)

// Fifty computers enroll at once for the last two seats, over HTTP, with everything real behind it.
func TestFiftyEnrollmentsForTwoSeats(t *testing.T) {
	d := startDev(t, t.TempDir(), "--no-agent")
	var customers struct{ Items []struct{ ID string } }
	d.json("/api/v1/customers?limit=1", &customers)
	license := d.post("/api/v1/licenses", map[string]any{
		"customer": customers.Items[0].ID, "name": "Two seats", "kind": "purchase", "seats": 2, "term_years": 1,
		"valid_from": time.Now().Add(-time.Hour).Format(time.RFC3339), "valid_until": time.Now().AddDate(1, 0, 0).Format(time.RFC3339),
	})
	var details struct {
		TID string `json:"tid"`
	}
	d.eventually("the license tells its TID", func() bool {
		status, body := d.get("/api/v1/licenses/" + license.ID)
		return status == http.StatusOK && json.Unmarshal(body, &details) == nil && details.TID != ""
	})
	var mu sync.Mutex
	outcomes := map[string]int{}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			outcome := d.enroll(details.TID)
			mu.Lock()
			outcomes[outcome]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if outcomes["201 "] != 2 || outcomes["403 "+wire.CodeNoSeats] != 48 {
		t.Errorf("outcomes: %v, want 2 enrolled and 48 without a seat", outcomes)
	}
	d.stop()
}

// enroll gives the status and, if it was refused, the code.
func (d *devProcess) enroll(tid string) string {
	payload, err := json.Marshal(wire.EnrollRequest{
		TID: tid, DeviceGUID: uuid.NewString(), SecretHash: wire.HashSecret([32]byte{1}), Facts: wire.Facts{Hostname: "pc"},
	})
	if err != nil {
		return err.Error()
	}
	rs, err := http.Post(d.run.URL+wire.EnrollPath, wire.ContentTypeJSON, bytes.NewReader(payload))
	if err != nil {
		return err.Error()
	}
	defer rs.Body.Close()
	body, err := io.ReadAll(rs.Body)
	if err != nil {
		return err.Error()
	}
	var p wire.Problem
	if rs.StatusCode >= 400 {
		err = json.Unmarshal(body, &p)
	}
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %s", rs.StatusCode, p.Code)
}

type created struct {
	ID string `json:"id"`
}

// post sends a command as the administrator.
func (d *devProcess) post(path string, body any) (answer created) {
	d.Helper()
	payload, err := json.Marshal(body)
	if err != nil {
		d.Fatal(err)
	}
	rq, err := http.NewRequestWithContext(d.Context(), http.MethodPost, d.run.URL+path, bytes.NewReader(payload))
	if err != nil {
		d.Fatal(err)
	}
	rq.Header.Set("Authorization", "Bearer "+d.run.Token)
	rq.Header.Set("Content-Type", "application/json")
	rq.Header.Set("Idempotency-Key", uuid.NewString())
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		d.Fatal(err)
	}
	defer rs.Body.Close()
	content, err := io.ReadAll(rs.Body)
	if err != nil || rs.StatusCode >= 300 {
		d.Fatalf("POST %s: %d %v %s", path, rs.StatusCode, err, content)
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		d.Fatalf("POST %s: %v in %s", path, err, content)
	}
	return answer
}
