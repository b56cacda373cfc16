package node

import (
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"avportal/eventstore/node/filter"
)

const defaultWindow = 32

// expression is what the filters of the streams and of the persistent subscription service have in common.
type expression interface {
	GetRegex() string
	GetPrefix() []string
}

func compileFilter(byType bool, e expression) (*filter.Filter, error) {
	f, err := filter.New(filterExpression(byType, e))
	if err != nil {
		return nil, invalid(err.Error())
	}
	return f, nil
}

func filterExpression(byType bool, e expression) filter.Expression {
	return filter.Expression{ByType: byType, Prefixes: e.GetPrefix(), Regex: e.GetRegex()}
}

// readFilter reads the filter of a read or subscription, nil if there is none. interval is how many events are
// examined between two checkpoints.
func readFilter(o *streams.ReadReq_Options) (f *filter.Filter, interval int, err error) {
	wanted := o.GetFilter()
	if wanted == nil {
		return nil, 0, nil
	}
	switch by := wanted.GetFilter().(type) {
	case *streams.ReadReq_Options_FilterOptions_StreamIdentifier:
		f, err = compileFilter(false, by.StreamIdentifier)
	case *streams.ReadReq_Options_FilterOptions_EventType:
		f, err = compileFilter(true, by.EventType)
	default:
		err = invalid("a filter is by stream name or by event type")
	}
	if err != nil {
		return nil, 0, err
	}
	window := defaultWindow
	switch w := wanted.GetWindow().(type) {
	case *streams.ReadReq_Options_FilterOptions_Max:
		window = int(w.Max)
	case *streams.ReadReq_Options_FilterOptions_Count:
	default:
		return nil, 0, invalid("a filter needs a window")
	}
	if wanted.GetCheckpointIntervalMultiplier() == 0 || window == 0 {
		return nil, 0, invalid("the window and the checkpoint interval of a filter must be above 0")
	}
	return f, window * int(wanted.GetCheckpointIntervalMultiplier()), nil
}
