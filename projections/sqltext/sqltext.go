// Package sqltext puts together the SQL of lists whose filters vary. Values go into it as parameters only.
package sqltext

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Statement is SQL under construction. The zero value is empty.
type Statement struct {
	where []string
	args  []any
}

// Arg adds a parameter and answers its placeholder.
func (s *Statement) Arg(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

// And adds a condition. Each ? in it stands for the next value.
func (s *Statement) And(condition string, values ...any) {
	for _, v := range values {
		condition = strings.Replace(condition, "?", s.Arg(v), 1)
	}
	s.where = append(s.where, condition)
}

// Conditions are all conditions, joined by AND.
func (s *Statement) Conditions() string { return strings.Join(s.where, " AND ") }

// Args are the parameters' values.
func (s *Statement) Args() []any { return s.args }

// AnyOf adds that at least one of the values fulfills its condition. Without values it adds nothing.
func AnyOf[T any](s *Statement, values []T, condition func(T) string) {
	var parts []string
	for _, v := range values {
		parts = append(parts, condition(v))
	}
	if len(parts) > 0 {
		s.And("(" + strings.Join(parts, " OR ") + ")")
	}
}

// Ranges says that a time lies in one of the states that are wanted. The states are in the order of time; bounds[i] lies
// between states i and i+1. Neighbors become one range, which an index can be asked for.
func Ranges[T comparable](s *Statement, column string, wanted, all []T, bounds []time.Time) string {
	var parts []string
	for i := 0; i < len(all); i++ {
		if !slices.Contains(wanted, all[i]) {
			continue
		}
		var limits []string
		if i > 0 {
			limits = append(limits, column+" >= "+s.Arg(bounds[i-1]))
		}
		for i+1 < len(all) && slices.Contains(wanted, all[i+1]) {
			i++
		}
		if i < len(bounds) {
			limits = append(limits, column+" < "+s.Arg(bounds[i]))
		}
		parts = append(parts, "("+strings.Join(append(limits, "true"), " AND ")+")")
	}
	return "(" + strings.Join(append(parts, "false"), " OR ") + ")"
}

// Contains is the pattern of LIKE for texts that contain this one.
func Contains(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}
