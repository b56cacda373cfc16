package api_test

import (
	"context"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// Strangers can read the contract and its page; the page needs nothing from elsewhere.
func TestTheContractIsServed(t *testing.T) {
	p := start(t)
	get := func(path string) (http.Header, string) {
		t.Helper()
		res, err := p.server.Client().Get(p.server.URL + "/api/v1/" + path)
		check(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		check(t, err)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
		return res.Header, string(body)
	}
	for _, path := range []string{"openapi.yaml", "openapi.json"} {
		_, body := get(path)
		doc, err := openapi3.NewLoader().LoadFromData([]byte(body))
		check(t, err)
		check(t, doc.Validate(t.Context()))
		if doc.Paths.Value("/audit/events") == nil {
			t.Errorf("%s is another document", path)
		}
	}
	header, page := get("docs")
	if !strings.Contains(page, "docs.js") || strings.Contains(page, "http://") || strings.Contains(page, "https://") || !strings.Contains(header.Get("Content-Security-Policy"), "script-src 'self'") {
		t.Errorf("the page: %v %s", header, page)
	}
	for _, path := range []string{"docs.js", "docs.css"} {
		if _, body := get(path); strings.Contains(body, "innerHTML") || strings.Contains(body, "https://") {
			t.Errorf("%s puts in what is no text, or loads from elsewhere", path)
		}
	}
}

// What clients are generated with accepts the document.
func TestTypeScriptOfTheContract(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	types := filepath.Join(t.TempDir(), "api.d.ts")
	out, err := exec.CommandContext(ctx, "npx", "--yes", "openapi-typescript@7.13.0", "openapi.yaml", "-o", types).CombinedOutput()
	if err != nil {
		t.Fatalf("openapi-typescript: %v\n%s", err, out)
	}
	js := filepath.Join("page", "docs.js")
	if out, err := exec.CommandContext(ctx, "node", "--check", js).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", js, err, out)
	}
}
