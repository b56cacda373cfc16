package engine_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"avportal/cmd/avagent/engine"
	"avportal/cmd/avagent/engine/enginetest"
)

// Signatures come through a proxy that wants a name and a password, from where nobody gets to without it.
func TestEngineUpdatesThroughAProxy(t *testing.T) {
	enginetest.Install(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "portal.ndb", time.Now().Add(-time.Hour), strings.NewReader(enginetest.Line("Portal.Test.Fetched")))
	}))
	defer server.Close()
	proxy, opened := enginetest.Proxy(t, server.Listener.Addr().String())
	source := engine.Source{URL: "http://signatures.invalid/portal.ndb", Database: t.TempDir(), Proxy: proxy}
	if v, err := engine.Update(t.Context(), &engine.Builtin{Database: source.Database}, source); err != nil || v.Version == "" || opened.Load() == 0 {
		t.Fatalf("Update = %+v, %v; the proxy let %d through", v, err, opened.Load())
	}
	source.Proxy.Password = "x\nDatabaseOwner root"
	if _, err := engine.Update(t.Context(), &engine.Builtin{Database: source.Database}, source); err == nil || strings.Contains(err.Error(), "DatabaseOwner") {
		t.Errorf("a password of two lines: %v", err)
	}
}
