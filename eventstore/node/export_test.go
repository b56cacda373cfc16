package node

import (
	"bytes"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/protobuf/proto"
)

// CheckBatchRequest decodes a BatchAppendReq by hand and by the generated code, and says where they differ. What the
// generated code refuses, the other may take (it does not look at the text of strings), but must survive.
func CheckBatchRequest(b []byte) error {
	got, err := decodeBatchRequest(b)
	var want streams.BatchAppendReq
	if proto.Unmarshal(b, &want) != nil {
		return nil //nolint:nilerr // what the generated code refuses, the other may do with as it likes
	}
	if err != nil {
		if want.GetOptions().GetStreamPosition() > 1<<63-1 {
			return nil
		}
		return fmt.Errorf("refused: %w", err)
	}
	if got.final != want.IsFinal || !bytes.Equal(got.stream, want.GetOptions().GetStreamIdentifier().GetStreamName()) || len(got.events) != len(want.ProposedMessages) {
		return fmt.Errorf("decoded %+v, want %v", got, &want)
	}
	for i, e := range got.events {
		m := want.ProposedMessages[i]
		if !bytes.Equal(e.Data, m.Data) || !bytes.Equal(e.Metadata, m.CustomMetadata) || e.Type != m.Metadata["type"] {
			return fmt.Errorf("decoded %+v, want %v", e, m)
		}
	}
	return nil
}
