package eventstore

import (
	"encoding/json"
	"strconv"

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

// EncodeMetadata gives the stored form of m: exactly what encoding/json makes of storedMetadata, without reflection.
func EncodeMetadata(m Metadata) ([]byte, error) {
	b := make([]byte, 0, 256)
	b = appendUUID(append(b, `{"$correlationId":"`...), m.Correlation)
	b = appendUUID(append(b, `","$causationId":"`...), m.Causation)
	b = appendUUID(append(b, `","command":"`...), m.Command)
	b = append(b, '"')
	b = appendField(b, `,"fingerprint":`, m.Fingerprint)
	b = appendString(append(b, `,"actor":`...), string(m.Actor))
	b = appendField(b, `,"actorId":`, m.ActorID)
	b = appendField(b, `,"onBehalfOf":`, m.OnBehalfOf)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(m.Version), 10)
	return append(b, '}'), nil
}

// DecodeMetadata is the inverse of EncodeMetadata. It takes any JSON object; bytes as EncodeMetadata writes them are
// read without encoding/json, which otherwise is the dearest part of reading an event.
func DecodeMetadata(data []byte) (Metadata, error) {
	if m, ok := scanMetadata(data); ok {
		return m, nil
	}
	var m storedMetadata
	err := json.Unmarshal(data, &m)
	return Metadata(m), err
}
