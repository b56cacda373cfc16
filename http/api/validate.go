package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gorilla/mux"
)

// Bounds of a body.
const (
	maxBody  = 1 << 20 // bytes
	maxDepth = 32      // levels of JSON
)

// readBody reads the body within its bounds, and refuses what a JSON decoder would let pass in silence.
func readBody(w http.ResponseWriter, r *http.Request, e *endpoint) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, errTooLarge
	case err != nil:
		return nil, invalidRequest("", "body", "The body could not be read.")
	case e.operation.RequestBody == nil && len(body) > 0:
		return nil, invalidRequest("", "body", "This request takes no body.")
	case e.operation.RequestBody == nil:
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, errMediaType
	}
	return body, checkJSON(body)
}

// checkJSON refuses malformed and too deep JSON, more than one value, and a field that is given twice.
func checkJSON(body []byte) error {
	if !utf8.Valid(body) { // the decoder would put replacement characters
		return invalidRequest("", "malformed_json", "The body is not UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	type object struct {
		fields map[string]bool // nil for an array
		key    bool            // a key comes next
	}
	var open []object
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 0 && d.InputOffset() > 0 && json.Valid(body) {
			return nil
		}
		if err != nil {
			return invalidRequest("", "malformed_json", "The body is not one JSON value.")
		}
		if top := len(open) - 1; top >= 0 && open[top].fields != nil {
			name, isName := token.(string)
			if open[top].key && isName {
				if open[top].fields[name] {
					return invalidRequest("", "duplicate_field", "The field %q is given twice.", name)
				}
				open[top].fields[name] = true
			}
			open[top].key = !open[top].key
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{fields: map[string]bool{}, key: true})
		case json.Delim('['):
			open = append(open, object{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > maxDepth {
			return invalidRequest("", "too_deep", "The body is nested deeper than %d levels.", maxDepth)
		}
	}
}

// checkQuery refuses parameters that the endpoint does not know, that come twice, or that are not encoded well.
func checkQuery(raw string, e *endpoint) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalidRequest("", "malformed_query", "The query is not encoded well.")
	}
	var faults []fault
	for name, given := range values {
		if _, known := e.queries[name]; !known {
			faults = append(faults, fault{Pointer: name, Code: "unknown_parameter", Detail: "There is no such parameter."})
		} else if len(given) > 1 {
			faults = append(faults, fault{Pointer: name, Code: "duplicate_parameter", Detail: "This parameter is given twice."})
		} else if !utf8.ValidString(given[0]) || strings.ContainsRune(given[0], 0) { // no text that the database knows
			faults = append(faults, fault{Pointer: name, Code: "format", Detail: "This is not text."})
		}
	}
	if faults != nil {
		return nil, invalid{sorted(faults)}
	}
	return values, nil
}

// validate holds a request against the document. Its body has been read.
func (s *server) validate(r *http.Request, e *endpoint, query url.Values) error {
	err := openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: mux.Vars(r), QueryParams: query,
		Route:   &routers.Route{Spec: s.doc, Path: e.path, PathItem: e.item, Method: r.Method, Operation: e.operation},
		Options: s.validation,
	})
	if err == nil {
		return nil
	}
	faults := faultsOf(err, "")
	if len(faults) == 0 {
		faults = []fault{{Code: "invalid", Detail: "The request is not valid."}}
	}
	return invalid{sorted(faults)}
}

func validationOptions() *openapi3filter.Options {
	return &openapi3filter.Options{
		MultiError: true, SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		// The library's own pattern for UUIDs refuses those of version 7.
		SchemaValidationOptions: []openapi3.SchemaValidationOption{
			openapi3.WithStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)),
		},
	}
}

// faultsOf flattens what the validator found. Values are never repeated: they may be secrets.
func faultsOf(err error, parameter string) []fault {
	switch e := err.(type) { //nolint:errorlint // each layer is looked at as it is
	case openapi3.MultiError:
		var all []fault
		for _, inner := range e {
			all = append(all, faultsOf(inner, parameter)...)
		}
		return all
	case *openapi3filter.RequestError:
		if e.Parameter != nil {
			parameter = e.Parameter.Name
		}
		if inner := faultsOf(e.Err, parameter); len(inner) > 0 {
			return inner
		}
		if errors.Is(e.Err, openapi3filter.ErrInvalidRequired) {
			return []fault{{Pointer: parameter, Code: "required", Detail: "This is required."}}
		}
		return []fault{{Pointer: parameter, Code: "type", Detail: "This has the wrong type."}}
	case *openapi3.SchemaError:
		return []fault{schemaFault(e, parameter)}
	}
	return nil
}

// faultCodes are the codes of faults by the field of the schema that found them.
var faultCodes = map[string]string{
	"minLength": "too_short", "maxLength": "too_long", "minItems": "too_few", "maxItems": "too_many",
	"minimum": "too_small", "maximum": "too_large", "minProperties": "too_few", "maxProperties": "too_many",
	"properties": "unknown_field", "required": "required", "type": "type", "nullable": "type", "enum": "enum", "pattern": "pattern", "format": "format",
}

func schemaFault(e *openapi3.SchemaError, parameter string) fault {
	f := describeFault(e)
	f.Pointer, f.Code = parameter, cmp.Or(faultCodes[e.SchemaField], "invalid")
	if parameter == "" {
		f.Pointer = "/" + strings.Join(escapePointer(e.JSONPointer()), "/")
		if f.Pointer == "/" {
			f.Pointer = ""
		}
	}
	return f
}

// describeFault says what is wrong in words of ours: those of the library are in English only.
func describeFault(e *openapi3.SchemaError) fault {
	limit := func(n *uint64) []any { return []any{*n} }
	switch s := e.Schema; e.SchemaField {
	case "minLength":
		return fault{Detail: "This needs at least %d characters.", args: []any{s.MinLength}}
	case "maxLength":
		return fault{Detail: "This may have at most %d characters.", args: limit(s.MaxLength)}
	case "minItems":
		return fault{Detail: "At least %d entries are needed.", args: []any{s.MinItems}}
	case "minProperties":
		return fault{Detail: "At least %d entries are needed.", args: []any{s.MinProps}}
	case "maxItems":
		return fault{Detail: "At most %d entries are allowed.", args: limit(s.MaxItems)}
	case "maxProperties":
		return fault{Detail: "At most %d entries are allowed.", args: limit(s.MaxProps)}
	case "minimum":
		return fault{Detail: "This must be at least %v.", args: []any{*s.Min}}
	case "maximum":
		return fault{Detail: "This must be at most %v.", args: []any{*s.Max}}
	case "enum":
		return fault{Detail: "This must be one of: %s.", args: []any{enumeration(s.Enum)}}
	case "properties":
		return fault{Detail: "There is no such field."}
	case "required":
		return fault{Detail: "This is required."}
	case "type", "nullable":
		return fault{Detail: "This has the wrong type."}
	}
	return fault{Detail: "This has the wrong form."}
}

func enumeration(values []any) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}

func escapePointer(parts []string) []string {
	r := strings.NewReplacer("~", "~0", "/", "~1")
	for i := range parts {
		parts[i] = r.Replace(parts[i])
	}
	return parts
}
