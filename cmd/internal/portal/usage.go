package portal

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/eventstore"
	"avportal/projections"
)

// Usage finds out which views are moved by which event types, by showing each view an example of each.
func Usage(views []projections.View) catalog.Usage {
	usage := catalog.Usage{}
	for _, d := range catalog.Registry().Declarations() {
		r := exampleOf(d)
		for _, v := range views {
			if v.Reads(r) {
				usage[d.Type] = append(usage[d.Type], "view "+v.Name)
			}
		}
	}
	return usage
}

// exampleOf makes an event in which no two texts are the same, so that nothing passes for unchanged.
func exampleOf(d domain.Declaration) eventstore.Recorded {
	event := reflect.New(reflect.TypeOf(d.Zero())).Elem()
	n := 0
	fillExample(event, &n)
	kind, _, _ := strings.Cut(d.Type, ".")
	return eventstore.Recorded{
		Type: d.Type, Event: event.Interface().(domain.Event), At: time.Unix(0, 0).UTC(), Link: eventstore.NoStream,
		Stream: domain.Stream{Tenant: domain.Tenant(strings.Repeat("0", 32)), Kind: domain.Kind(kind), ID: "a.example"},
	}
}

func fillExample(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(*n), 0).UTC()))
	case v.Type() == reflect.TypeFor[domain.Personal]():
		v.Set(reflect.ValueOf(domain.Personal{Subject: "example", Text: fmt.Sprintf("text %d", *n)}))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fillExample(v.Field(i), n)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillExample(v.Index(0), n)
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprintf("l%d.example", *n)) // of the form of a group's id, which names its license
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.CanUint():
		v.SetUint(uint64(1 + *n%2)) //nolint:gosec // one of two
	}
}
