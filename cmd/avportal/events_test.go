package main

import (
	"encoding/json"
	"strings"
	"testing"

	"avportal/domain/catalog"
)

// Whatever form the catalog takes, every declared event type is in it.
func TestTheCatalogOfEventsIsComplete(t *testing.T) {
	shapes, err := catalog.Shapes(catalog.Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"text", "json-schema", "asyncapi"} {
		var out strings.Builder
		if err := writeCatalog(&out, format, shapes); err != nil {
			t.Fatal(err)
		}
		for _, d := range catalog.Registry().Declarations() {
			if !strings.Contains(out.String(), d.Type) {
				t.Errorf("%s does not show %s", format, d.Type)
			}
		}
		if format != "text" && !json.Valid([]byte(out.String())) {
			t.Errorf("%s is no JSON", format)
		}
		if format != "json-schema" && !strings.Contains(out.String(), "view devices") {
			t.Errorf("%s does not say what the view of devices reads", format)
		}
	}
	if err := writeCatalog(&strings.Builder{}, "xml", shapes); err == nil {
		t.Error("a format that is not there")
	}
}
