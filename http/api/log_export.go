package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"avportal/domain/device"
	"avportal/http/api/actionlog"
	"avportal/http/texts"
)

// exportedActivity is a line of the action log as a file.
type exportedActivity struct {
	Activity
	Changes []ChangedValue `json:"changes"`
}

// ExportActivities streams the whole action log, or what a filter leaves of it.
func (s *server) ExportActivities(ctx context.Context, r ExportActivitiesRequestObject) (ExportActivitiesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	f := activityFilter(ListActivitiesParams{
		Customer: p.Customer, License: p.License, Device: p.Device, Action: p.Action, State: p.State, Actor: p.Actor, User: p.User, Q: p.Q,
		From: p.From, To: p.To,
	})
	if p.Format == "csv" {
		return tableOf(ctx, s, "activities", "csv", activityColumns, nil, s.exported(ctx, f)), nil
	}
	return download{s: s, ctx: ctx, kind: linesFile, name: fileName("activities", c.at, "ndjson"), fill: func(ctx context.Context, out *bufio.Writer) error {
		lines := json.NewEncoder(out)
		for a, err := range s.exported(ctx, f) {
			if err != nil {
				return err
			}
			if err := lines.Encode(a); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

// exported yields the activities of a file.
func (s *server) exported(ctx context.Context, f actionlog.Filter) iter.Seq2[exportedActivity, error] {
	return func(yield func(exportedActivity, error) bool) {
		actor := callOf(ctx).actor
		for a, err := range s.log.All(ctx, actor, f) {
			var out exportedActivity
			if err == nil {
				out.Activity, err = s.activityOf(ctx, a)
			}
			var changes []actionlog.Change
			if err == nil {
				changes, err = actionlog.Changes(actor, a)
			}
			out.Changes = each(changes, changedOf)
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}

var activityColumns = []column[exportedActivity]{
	{"start", func(_ texts.Language, a exportedActivity) any { return a.StartedAt }},
	{"end", func(_ texts.Language, a exportedActivity) any { return value(a.EndedAt) }},
	{"action", func(_ texts.Language, a exportedActivity) any { return a.Title }},
	{"activity_state", func(l texts.Language, a exportedActivity) any { return l.Name("state", string(a.State)) }},
	{"successful", func(l texts.Language, a exportedActivity) any {
		switch {
		case device.RequestState(a.State) != device.Completed:
			return ""
		case value(a.Ok):
			return l.Name("answer", "yes")
		}
		return l.Name("answer", "no")
	}},
	{"detail", func(_ texts.Language, a exportedActivity) any { return value(a.DetailText) }},
	{"changes", func(l texts.Language, a exportedActivity) any { return changesText(l, a.Changes) }},
	{"customer", func(_ texts.Language, a exportedActivity) any { return value(a.Customer).Name }},
	{"license", func(_ texts.Language, a exportedActivity) any { return value(a.License).Name }},
	{"group", func(_ texts.Language, a exportedActivity) any { return value(a.Group).Name }},
	{"device", func(_ texts.Language, a exportedActivity) any { return value(a.Device).Name }},
	{"by", func(l texts.Language, a exportedActivity) any { return l.Name("actor", string(a.Actor.Kind)) }},
	{"by_id", func(_ texts.Language, a exportedActivity) any { return a.Actor.Id }},
	{"by_name", func(_ texts.Language, a exportedActivity) any { return value(a.Actor.Name) }},
	{"on_behalf_of", func(_ texts.Language, a exportedActivity) any { return value(a.Actor.OnBehalfOf) }},
	{"activity", func(_ texts.Language, a exportedActivity) any { return a.Id.String() }},
}

// changesText tells old and new values in one cell.
func changesText(l texts.Language, changes []ChangedValue) string {
	parts := make([]string, len(changes))
	for i, c := range changes {
		parts[i] = fmt.Sprintf("%s: %s → %s", l.Name("field", c.Field), valueText(c.From), valueText(c.To))
	}
	return strings.Join(parts, "; ")
}

func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case string:
		if v == "" {
			return "–"
		}
		return v
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
