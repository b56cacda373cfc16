package catalog

import "fmt"

// schemaDialect is the version of JSON Schema in which the documents are written.
const schemaDialect = "https://json-schema.org/draft/2020-12/schema"

// JSONSchema describes all shapes in one document: "$defs" holds one schema for each event type. Fields that it does not
// name are allowed, since a newer portal may write more.
func JSONSchema(shapes []Shape) map[string]any {
	defs := map[string]any{}
	var any1 []any
	for _, s := range shapes {
		defs[s.Type] = s.schema()
		any1 = append(any1, map[string]any{"$ref": "#/$defs/" + s.Type})
	}
	return map[string]any{
		"$schema": schemaDialect, "title": "Events of the antivirus portal",
		"description": "The data of every event type, as it stands in the log.", "$defs": defs, "anyOf": any1,
	}
}

func (s Shape) schema() map[string]any {
	out := objectSchema(s.Fields)
	out["title"], out["x-version"] = s.Type, s.Version
	if s.Doc != "" {
		out["description"] = s.Doc
	}
	return out
}

func objectSchema(fields []Field) map[string]any {
	properties, required := map[string]any{}, []any{}
	for _, f := range fields {
		properties[f.Name] = f.schema()
		if !f.Optional {
			required = append(required, f.Name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

func (f Field) schema() map[string]any {
	out := kindSchema(f.Kind, f.Fields)
	if f.Kind == List {
		out["items"] = kindSchema(f.Elements, f.Fields)
		out["type"] = []any{"array", "null"} // Go writes an empty list as null
	}
	if f.Doc != "" {
		out["description"] = f.Doc
	}
	if f.Personal {
		out["x-personal"] = true
	}
	if len(f.Values) > 0 {
		out["examples"] = examples(f.Values)
	}
	return out
}

func examples(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}

func kindSchema(k Kind, fields []Field) map[string]any {
	switch k {
	case Text:
		return map[string]any{"type": "string"}
	case Integer:
		return map[string]any{"type": "integer", "format": "int64"}
	case Boolean:
		return map[string]any{"type": "boolean"}
	case Instant:
		return map[string]any{"type": "string", "format": "date-time"}
	case Object:
		return objectSchema(fields)
	case List:
		return map[string]any{"type": "array"}
	}
	panic(fmt.Sprintf("catalog: no schema for a %s", k))
}
