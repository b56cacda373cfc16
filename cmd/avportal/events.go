package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"avportal/cmd/internal/portal"
	"avportal/domain/catalog"
)

func eventsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "What the log is made of"}
	cmd.AddCommand(catalogCommand())
	return cmd
}

func catalogCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "catalog [EVENT TYPE ...]",
		Short: "List the event types with their shapes, versions and uses",
		Long: "List the event types of this build: the fields of each with what they mean, its version, whose commands write it, and which of the\n" +
			"portal's views it moves. The text form is for people; json-schema and asyncapi (3.0) are for tools.",
		Example: "  avportal events catalog device.moved license.activated\n  avportal events catalog --format asyncapi > events.asyncapi.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			shapes, err := catalog.Shapes(catalog.Registry())
			if err != nil {
				return err
			}
			for _, name := range args {
				if !slices.ContainsFunc(shapes, func(s catalog.Shape) bool { return s.Type == name }) {
					return fmt.Errorf("there is no event type %s", name)
				}
			}
			if len(args) > 0 {
				shapes = slices.DeleteFunc(shapes, func(s catalog.Shape) bool { return !slices.Contains(args, s.Type) })
			}
			return writeCatalog(cmd.OutOrStdout(), format, shapes)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, json-schema or asyncapi")
	return cmd
}

func writeCatalog(w io.Writer, format string, shapes []catalog.Shape) error {
	usage := portal.Usage(portal.Views())
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	switch format {
	case "text":
		for i, s := range shapes {
			if i > 0 {
				fmt.Fprintln(w)
			}
			writeShape(w, s, usage[s.Type])
		}
		return nil
	case "json-schema":
		return e.Encode(catalog.JSONSchema(shapes))
	case "asyncapi":
		return e.Encode(catalog.AsyncAPI(shapes, usage, version))
	}
	return fmt.Errorf("--format is text, json-schema or asyncapi")
}

func writeShape(w io.Writer, s catalog.Shape, used []string) {
	fmt.Fprintf(w, "%s, version %d\n", s.Type, s.Version)
	if s.Doc != "" {
		fmt.Fprintf(w, "  %s\n", s.Doc)
	}
	stream := s.Aggregate
	if s.Telemetry {
		stream += " (telemetry)"
	}
	fmt.Fprintf(w, "  written by commands on a %s", stream)
	if len(used) > 0 {
		fmt.Fprintf(w, "; moves %s", strings.Join(used, ", "))
	}
	fmt.Fprintln(w)
	writeFields(w, "    ", s.Fields)
}

func writeFields(w io.Writer, indent string, fields []catalog.Field) {
	for _, f := range fields {
		kind := string(f.Kind)
		if f.Kind == catalog.List {
			kind += " of " + string(f.Elements)
		}
		if f.Optional {
			kind += "?"
		}
		line := fmt.Sprintf("%s%-24s %-16s %s", indent, f.Name, kind, f.Doc)
		if len(f.Values) > 0 {
			line += " [" + strings.Join(f.Values, ", ") + "]"
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
		writeFields(w, indent+"  ", f.Fields)
	}
}
