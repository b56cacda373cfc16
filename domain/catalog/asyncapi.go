package catalog

import (
	"fmt"
	"strings"
)

// Usage says where an event type is used: by type, the read models and reactions that are moved by it.
type Usage map[string][]string

// AsyncAPI describes the log as an AsyncAPI 3.0 document: a channel for each kind of stream, a message for each event type.
func AsyncAPI(shapes []Shape, usage Usage, version string) map[string]any {
	channels, operations, messages, schemas := map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	for _, s := range shapes {
		channel, address := s.channel()
		if channels[channel] == nil {
			channels[channel] = map[string]any{
				"address": address, "title": address, "messages": map[string]any{},
				"description": fmt.Sprintf("The history of one %s.", s.Aggregate),
				"parameters": map[string]any{
					"tenant": map[string]any{"description": "the reseller: a UUID without dashes"},
					"id":     map[string]any{"description": "the aggregate's id"},
				},
			}
			operations["append."+channel] = operation("send", channel, fmt.Sprintf("Commands on a %s append its events.", s.Aggregate))
			operations["project."+channel] = operation("receive", channel, "Views and policies follow the log.")
		}
		channels[channel].(map[string]any)["messages"].(map[string]any)[s.Type] = ref("components", "messages", s.Type)
		schemas[s.Type] = s.schema()
		messages[s.Type] = s.message(usage)
	}
	return map[string]any{
		"asyncapi": "3.0.0",
		"info": map[string]any{
			"title": "Events of the antivirus portal", "version": version,
			"description": "The log of the portal, in EventStoreDB. Every event of a tenant stands in $ce-<tenant>, telemetry apart.",
		},
		"defaultContentType": "application/json",
		"channels":           channels, "operations": operations,
		"components": map[string]any{"messages": messages, "schemas": schemas},
	}
}

func (s Shape) channel() (name, address string) {
	if s.Telemetry {
		return s.Aggregate + ".telemetry", "{tenant}.telemetry-" + s.Aggregate + "-{id}"
	}
	return s.Aggregate, "{tenant}-" + s.Aggregate + "-{id}"
}

func (s Shape) message(usage Usage) map[string]any {
	m := map[string]any{
		"name": s.Type, "title": s.Type, "contentType": "application/json", "x-version": s.Version,
		"payload": map[string]any{
			"schemaFormat": "application/schema+json;version=draft-07", // the words used here mean the same in that draft
			"schema":       ref("components", "schemas", s.Type),
		},
	}
	if s.Doc != "" {
		m["summary"] = s.Doc
	}
	if used := usage[s.Type]; len(used) > 0 {
		m["x-used-by"] = examples(used)
	}
	return m
}

func operation(action, channel, summary string) map[string]any {
	return map[string]any{"action": action, "channel": ref("channels", channel), "summary": summary}
}

// ref is a JSON reference within the document.
func ref(steps ...string) map[string]any {
	for i, s := range steps {
		steps[i] = strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
	}
	return map[string]any{"$ref": "#/" + strings.Join(steps, "/")}
}
