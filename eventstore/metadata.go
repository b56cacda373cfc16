package eventstore

import (
	"encoding/json"

	"github.com/google/uuid"

	"avportal/domain"
)

// storedMetadata is Metadata on the wire. $correlationId and $causationId are the names that EventStoreDB's system
// projection $by_correlation_id looks for.
type storedMetadata struct {
	Correlation uuid.UUID        `json:"$correlationId"`
	Causation   uuid.UUID        `json:"$causationId"`
	Command     uuid.UUID        `json:"command"`
	Fingerprint string           `json:"fingerprint,omitempty"`
	Actor       domain.ActorKind `json:"actor"`
	ActorID     string           `json:"actorId,omitempty"`
	OnBehalfOf  string           `json:"onBehalfOf,omitempty"`
	Version     int              `json:"version"`
}

// EncodeMetadata gives the stored form of m.
func EncodeMetadata(m Metadata) ([]byte, error) { return json.Marshal(storedMetadata(m)) }

// DecodeMetadata is the inverse of EncodeMetadata.
func DecodeMetadata(data []byte) (Metadata, error) {
	var m storedMetadata
	err := json.Unmarshal(data, &m)
	return Metadata(m), err
}
