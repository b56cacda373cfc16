package logtool

import (
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
)

func readOptions(d streams.ReadReq_Options_ReadDirection) *streams.ReadReq_Options {
	return &streams.ReadReq_Options{
		ReadDirection: d,
		CountOption:   &streams.ReadReq_Options_Count{Count: math.MaxInt64},
		FilterOption:  &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}},
		UuidOption: &streams.ReadReq_Options_UUIDOption{
			Content: &streams.ReadReq_Options_UUIDOption_Structured{Structured: &shared.Empty{}},
		},
	}
}

func allOptions(from *streams.ReadReq_Options_Position, d streams.ReadReq_Options_ReadDirection) *streams.ReadReq_Options {
	all := &streams.ReadReq_Options_AllOptions{}
	switch {
	case d == streams.ReadReq_Options_Backwards:
		all.AllOption = &streams.ReadReq_Options_AllOptions_End{End: &shared.Empty{}}
	case from == nil:
		all.AllOption = &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}
	default:
		all.AllOption = &streams.ReadReq_Options_AllOptions_Position{Position: from}
	}
	o := readOptions(d)
	o.StreamOption = &streams.ReadReq_Options_All{All: all}
	return o
}

func position(p uint64) *streams.ReadReq_Options_Position {
	if p == 0 {
		return nil
	}
	return &streams.ReadReq_Options_Position{CommitPosition: p, PreparePosition: p}
}

func filter() *streams.ReadReq_Options_FilterOptions {
	return &streams.ReadReq_Options_FilterOptions{
		Filter: &streams.ReadReq_Options_FilterOptions_StreamIdentifier{
			StreamIdentifier: &streams.ReadReq_Options_FilterOptions_Expression{Regex: selection},
		},
		Window:                       &streams.ReadReq_Options_FilterOptions_Count{Count: &shared.Empty{}},
		CheckpointIntervalMultiplier: 1,
	}
}
