package portal

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"avportal/domain/catalog"
)

// What the examples find out is what stands in the source of the views: every event type that a fold names moves the view.
func TestUsageIsWhatTheSourceOfTheViewsSays(t *testing.T) {
	usage := Usage(Views())
	byName := map[string]string{} // "device.Moved" -> "device.moved"
	shapes, err := catalog.Shapes(catalog.Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shapes {
		words := strings.Split(strings.TrimPrefix(s.Type, s.Aggregate+"."), "_")
		for i, w := range words {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
		byName[s.Aggregate+"."+strings.Join(words, "")] = s.Type
	}
	named := 0
	for _, v := range Views() {
		files, err := filepath.Glob("../../../projections/" + v.Name + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no source of view %s (%v)", v.Name, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^\s*case ((?:\w+\.\w+(?:, )?)+):`).FindAllStringSubmatch(string(source), -1) {
				for _, name := range strings.Split(m[1], ", ") {
					eventType, ok := byName[name]
					if !ok {
						continue
					}
					named++
					if !slices.Contains(usage[eventType], "view "+v.Name) {
						t.Errorf("%s: %s is named in the source of view %s, and its example moves nothing", filepath.Base(file), name, v.Name)
					}
				}
			}
		}
	}
	if named < 20 {
		t.Errorf("only %d event types were found in the source", named)
	}
}
