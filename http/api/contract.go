package api

import (
	"embed"
	"fmt"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
)

// pageFiles are a page that lists the operations of the document and lets people try them.
//
//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page load its own script and style, and call the API; nothing else.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contract serves the document and the page. Neither holds anything that a stranger may not know.
func contract(mux *http.ServeMux, doc *openapi3.T) error {
	asJSON, err := doc.MarshalJSON()
	if err != nil {
		return fmt.Errorf("openapi.yaml: %w", err)
	}
	serve := func(name, kind string, body []byte) {
		mux.HandleFunc("GET "+basePath+"/"+name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Content-Security-Policy", pagePolicy)
			_, _ = w.Write(body) // the caller has gone if this fails
		})
	}
	serve("openapi.yaml", "application/yaml", document)
	serve("openapi.json", "application/json", asJSON)
	for file, served := range map[string][2]string{
		"index.html": {"docs", "text/html; charset=utf-8"}, "docs.js": {"docs.js", "text/javascript; charset=utf-8"}, "docs.css": {"docs.css", "text/css; charset=utf-8"},
	} {
		body, err := pageFiles.ReadFile("page/" + file)
		if err != nil {
			return err
		}
		serve(served[0], served[1], body)
	}
	return nil
}
