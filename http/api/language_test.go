package api_test

import (
	"strings"
	"testing"

	"avportal/domain"
)

// Whatever is refused is refused in the caller's language; codes stay the same.
func TestRefusalsInGerman(t *testing.T) {
	p := start(t)
	p.fleet()
	for _, c := range []struct{ method, path, body, title, detail string }{
		{"GET", "/licenses/none", "", "Nicht gefunden", "Dieses Objekt gibt es nicht."},
		{"PATCH", "/licenses/lx", `{"name": "x"}`, "Widerspruch zum Zustand", "Die Lizenz ist abgelaufen. Verlängern Sie sie und wiederholen Sie dann die Aktion."},
		{"PATCH", "/licenses/l1", `{"seats": 1}`, "Widerspruch zum Zustand", "3 Plätze sind belegt. Entfernen Sie Geräte, bevor Sie die Lizenz auf 1 setzen."},
		{"PATCH", "/licenses/l1", `{"seats": -1}`, "Ungültige Anfrage", "Der Wert muss mindestens 0 sein."},
		{"PATCH", "/licenses/l1", `{"colour": 1}`, "Ungültige Anfrage", "Dieses Feld gibt es nicht."},
		{"GET", "/licenses?kind=gift", "", "Ungültige Anfrage", "Erlaubt sind: purchase, msp."},
		{"GET", "/nowhere", "", "Nicht gefunden", "Diese Adresse gibt es nicht."},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		a := p.request(p.admin, c.method, "/api/v1"+c.path, body, "Accept-Language", "de-DE,de;q=0.9,en;q=0.5")
		if a.body["title"] != c.title || !strings.Contains(string(a.raw), c.detail) {
			t.Errorf("%s %s %s: %s, want %q and %q", c.method, c.path, c.body, a.raw, c.title, c.detail)
		}
		if a.header.Get("Content-Language") != "de" || a.header.Get("Vary") != "Accept-Language" {
			t.Errorf("%s: %v", c.path, a.header)
		}
	}
	a := p.refused(403, "forbidden", p.token(domain.ResellerReadOnly, tenant, ""), "PATCH", "/api/v1/licenses/l1", `{"seats": 1}`)
	if a.body["detail"] != "Your role does not allow this action." || a.header.Get("Content-Language") != "en" {
		t.Errorf("without Accept-Language: %v %s", a.header, a.raw)
	}
}
