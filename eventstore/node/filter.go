package node

import (
	"bytes"
	"regexp"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"avportal/eventstore/node/storage"
)

// filter selects events of $all by stream name or event type.
type filter struct {
	byType   bool
	prefixes [][]byte
	regex    *regexp.Regexp
	noSystem bool // the regex that clients use to leave out system events, recognized to save its cost
	interval int  // events examined between two checkpoints
}

// expression is what the filters of the streams and of the persistent subscription service have in common.
type expression interface {
	GetRegex() string
	GetPrefix() []string
}

const (
	defaultWindow = 32
	noSystemRegex = `^[^\$].*`
)

func newFilter(byType bool, e expression) (*filter, error) {
	f := &filter{byType: byType, interval: defaultWindow}
	for _, p := range e.GetPrefix() {
		f.prefixes = append(f.prefixes, []byte(p))
	}
	switch {
	case len(f.prefixes) > 0 && e.GetRegex() != "":
		return nil, invalid("a filter has prefixes or a regular expression, not both")
	case len(f.prefixes) > 0:
		return f, nil
	case e.GetRegex() == noSystemRegex:
		f.noSystem = true
		return f, nil
	case e.GetRegex() == "":
		return nil, invalid("a filter needs prefixes or a regular expression")
	}
	var err error
	if f.regex, err = regexp.Compile(e.GetRegex()); err != nil {
		return nil, invalid("the regular expression of the filter: " + err.Error())
	}
	return f, nil
}

// readFilter reads the filter of a read or subscription; nil means everything.
func readFilter(o *streams.ReadReq_Options) (*filter, error) {
	wanted := o.GetFilter()
	if wanted == nil {
		return nil, nil
	}
	var f *filter
	var err error
	switch by := wanted.GetFilter().(type) {
	case *streams.ReadReq_Options_FilterOptions_StreamIdentifier:
		f, err = newFilter(false, by.StreamIdentifier)
	case *streams.ReadReq_Options_FilterOptions_EventType:
		f, err = newFilter(true, by.EventType)
	default:
		return nil, invalid("a filter is by stream name or by event type")
	}
	if err != nil {
		return nil, err
	}
	window := defaultWindow
	switch w := wanted.GetWindow().(type) {
	case *streams.ReadReq_Options_FilterOptions_Max:
		window = int(w.Max)
	case *streams.ReadReq_Options_FilterOptions_Count:
	default:
		return nil, invalid("a filter needs a window")
	}
	if wanted.GetCheckpointIntervalMultiplier() == 0 || window == 0 {
		return nil, invalid("the window and the checkpoint interval of a filter must be above 0")
	}
	f.interval = window * int(wanted.GetCheckpointIntervalMultiplier())
	return f, nil
}

// matches says whether the filter lets an event through.
func (f *filter) matches(e *storage.Entry) bool {
	if f == nil {
		return true
	}
	var space [128]byte
	text := e.Type()
	if !f.byType {
		text = e.Record.Stream
		if e.Carried() {
			text = e.AppendStream(space[:0])
		}
	}
	switch {
	case f.noSystem:
		return len(text) > 0 && text[0] != '$' && text[0] != '\n'
	case f.regex != nil:
		return f.regex.Match(text)
	}
	for _, p := range f.prefixes {
		if bytes.HasPrefix(text, p) {
			return true
		}
	}
	return false
}
