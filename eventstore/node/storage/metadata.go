package storage

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// IsMetadataStream says whether the name is that of a metadata stream.
func IsMetadataStream(stream string) bool { return strings.HasPrefix(stream, "$$") }

// parseMetadata reads the fields that concern storage. As on EventStoreDB, malformed metadata counts as empty.
func parseMetadata(data []byte) StreamMetadata {
	var raw struct {
		TruncateBefore *int64 `json:"$tb"`
		MaxCount       *int64 `json:"$maxCount"`
		MaxAge         *int64 `json:"$maxAge"` // seconds
	}
	if len(data) == 0 || json.Unmarshal(data, &raw) != nil {
		return StreamMetadata{}
	}
	var m StreamMetadata
	if raw.TruncateBefore != nil && *raw.TruncateBefore > 0 {
		m.TruncateBefore = *raw.TruncateBefore
	}
	if raw.MaxCount != nil && *raw.MaxCount > 0 {
		m.MaxCount = *raw.MaxCount
	}
	if raw.MaxAge != nil && *raw.MaxAge > 0 && *raw.MaxAge < math.MaxInt64/int64(time.Second) {
		m.MaxAge = time.Duration(*raw.MaxAge) * time.Second
	}
	return m
}

// withTruncateBefore returns the metadata with $tb set and every other key kept.
func withTruncateBefore(data []byte, revision int64) []byte {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(data, &fields) != nil || fields == nil {
		fields = map[string]json.RawMessage{}
	}
	fields["$tb"] = json.RawMessage(fmt.Sprint(revision))
	out, err := json.Marshal(fields)
	if err != nil { // cannot happen: every value was parsed or made here
		return fmt.Appendf(nil, `{"$tb":%d}`, revision)
	}
	return out
}
