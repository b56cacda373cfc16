package actionlog

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/domain/profile"
	"avportal/domain/reseller"
	"avportal/domain/user"
)

// Change is one value that an event has changed. From and To are as the event tells them; nil for what it does not tell.
type Change struct {
	Field    string
	From, To any
}

// fields name what events change that tell just "from" and "to".
var fields = map[string]string{
	reseller.Renamed{}.EventType():     "name",
	customer.Renamed{}.EventType():     "name",
	license.Renamed{}.EventType():      "name",
	license.Renewed{}.EventType():      "valid_until",
	license.SeatsChanged{}.EventType(): "seats",
	group.Renamed{}.EventType():        "name",
	group.Moved{}.EventType():          "parent",
	group.DeviceMoved{}.EventType():    "group",
	device.Relabeled{}.EventType():     "label",
	profile.Renamed{}.EventType():      "name",
	profile.OwnerChanged{}.EventType(): "owner",
	user.RoleChanged{}.EventType():     "role",
	user.EmailChanged{}.EventType():    "email",
}

// Changes are the old and new values of the event that an activity is about, as an actor may see them.
func Changes(actor domain.Actor, a Activity) ([]Change, error) {
	data, err := shown(actor, a.Main)
	if err != nil {
		return nil, err
	}
	return changesOf(a.Main.Type, data), nil
}

// changesOf finds old and new values in an event's data: "from" and "to", as one value or as objects that differ in some
// fields, and pairs like "from_group" and "to_group".
func changesOf(eventType string, data map[string]any) []Change {
	var out []Change
	_, pair := data["from"]
	if _, to := data["to"]; pair && to || fields[eventType] != "" {
		out = differences(fields[eventType], data["from"], data["to"])
	}
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		field, ok := strings.CutPrefix(key, "from_")
		if !ok {
			if field, ok = strings.CutPrefix(key, "to_"); !ok {
				continue
			}
		}
		if !seen[field] {
			seen[field] = true
			out = append(out, differences(field, data["from_"+field], data["to_"+field])...)
		}
	}
	return out
}

// differences goes down into objects, so that only what differs is told.
func differences(field string, from, to any) []Change {
	f, ok1 := from.(map[string]any)
	t, ok2 := to.(map[string]any)
	if !ok1 || !ok2 {
		if reflect.DeepEqual(from, to) {
			return nil
		}
		return []Change{{field, from, to}}
	}
	keys := map[string]any{}
	maps.Copy(keys, f)
	maps.Copy(keys, t)
	var out []Change
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		name := key
		if field != "" {
			name = field + "/" + key
		}
		out = append(out, differences(name, f[key], t[key])...)
	}
	return out
}
