package persistent

import (
	"errors"
	"fmt"
	"time"

	"avportal/eventstore/node/filter"
)

var (
	// ErrExists says that the group is there already.
	ErrExists = errors.New("the persistent subscription exists already")
	// ErrNotFound says that there is no such group.
	ErrNotFound = errors.New("the persistent subscription does not exist")
	// ErrTooManyConsumers says that the group takes no more consumers.
	ErrTooManyConsumers = errors.New("the persistent subscription has as many consumers as it may have")
	// ErrDropped ends a consumer whose group was changed or deleted.
	ErrDropped = errors.New("the persistent subscription was dropped")
)

// RefusedError says why a group cannot be as it was asked for.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// All is the stream name under which groups to $all are known.
const All = "$all"

// Key names a group.
type Key struct {
	Stream string `json:"stream"`
	Group  string `json:"group"`
}

// String is also the id of the subscription that consumers are told.
func (k Key) String() string { return k.Stream + "::" + k.Group }

func (k Key) checkpointStream() string {
	return "$persistentsubscription-" + k.String() + "-checkpoint"
}
func (k Key) parkedStream() string { return "$persistentsubscription-" + k.String() + "-parked" }

// Strategy decides which consumer gets an event.
type Strategy string

// The strategies that the protocol knows by name.
const (
	RoundRobin          Strategy = "RoundRobin"
	DispatchToSingle    Strategy = "DispatchToSingle"
	Pinned              Strategy = "Pinned" // events of one stream go to one consumer
	PinnedByCorrelation Strategy = "PinnedByCorrelation"
)

// Settings of a group, as the protocol has them.
type Settings struct {
	ResolveLinks       bool          `json:"resolveLinks"`
	ExtraStatistics    bool          `json:"extraStatistics"`
	MessageTimeout     time.Duration `json:"messageTimeout"` // 0 for none
	MaxRetryCount      int           `json:"maxRetryCount"`
	CheckpointAfter    time.Duration `json:"checkpointAfter"`
	MinCheckpointCount int           `json:"minCheckpointCount"`
	MaxCheckpointCount int           `json:"maxCheckpointCount"`
	MaxConsumers       int           `json:"maxConsumers"` // 0 for no limit
	LiveBufferSize     int           `json:"liveBufferSize"`
	ReadBatchSize      int           `json:"readBatchSize"`
	HistoryBufferSize  int           `json:"historyBufferSize"`
	Strategy           Strategy      `json:"strategy"`
}

// StartFrom is where a group begins when it has no checkpoint.
type StartFrom struct {
	End bool `json:"end,omitempty"` // after what stands in the log when the group is made
	// At is the revision or position of the first event that may be delivered.
	At uint64 `json:"at"`
}

// Config is one group as it is stored.
type Config struct {
	Key
	Settings
	StartFrom StartFrom          `json:"startFrom"`
	Filter    *filter.Expression `json:"filter,omitempty"` // of a group to $all
	// After is the revision or position after which the group begins; -1 for the very start. It is StartFrom as it
	// was understood when the group was made, so that "from the end" does not move with a restart.
	After int64 `json:"after"`
}

func (c *Config) check(logEnd uint64) error {
	switch c.Strategy {
	case RoundRobin, DispatchToSingle, Pinned, PinnedByCorrelation:
	default:
		return &RefusedError{Reason: fmt.Sprintf("consumer strategy %q is not known", c.Strategy)}
	}
	switch {
	case c.Group == "":
		return &RefusedError{Reason: "a group needs a name"}
	case c.Stream == "":
		return &RefusedError{Reason: "a group needs a stream"}
	case c.ReadBatchSize <= 0 || c.HistoryBufferSize <= 0 || c.ReadBatchSize >= c.HistoryBufferSize:
		return &RefusedError{Reason: "the read batch size must be above 0 and below the history buffer size"}
	case c.MaxRetryCount < 0 || c.MaxConsumers < 0 || c.MessageTimeout < 0 || c.CheckpointAfter < 0:
		return &RefusedError{Reason: "counts and times must not be negative"}
	case c.Stream == All && !c.StartFrom.End && c.StartFrom.At > logEnd:
		return &RefusedError{Reason: "the position to start from is beyond the end of the log"}
	}
	return nil
}
