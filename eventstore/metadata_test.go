package eventstore

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"avportal/domain"
)

func drawMetadata(t *rapid.T) Metadata {
	id := rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
	})
	text := rapid.OneOf(rapid.Just(""), rapid.StringMatching(`[a-z0-9./-]{1,40}`), rapid.String())
	return Metadata{
		Correlation: id.Draw(t, "correlation"), Causation: id.Draw(t, "causation"), Command: id.Draw(t, "command"),
		Fingerprint: text.Draw(t, "fingerprint"), Actor: domain.ActorKind(text.Draw(t, "actor")),
		ActorID: text.Draw(t, "id"), OnBehalfOf: text.Draw(t, "behalf"), Version: rapid.Int().Draw(t, "version"),
	}
}

// What is written by hand is what encoding/json would write, and is read back.
func TestMetadataIsWrittenAsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMetadata(t)
		got, err := EncodeMetadata(m)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(storedMetadata(m))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("wrote %s\nwant  %s", got, want)
		}
		var back storedMetadata
		if err := json.Unmarshal(want, &back); err != nil {
			t.Fatal(err)
		}
		if decoded, err := DecodeMetadata(got); err != nil || decoded != Metadata(back) {
			t.Fatalf("%s was read as %+v, %v, want %+v", got, decoded, err, back)
		}
	})
}

// The usual metadata must really take the short way, or its speed would be lost unseen.
func TestUsualMetadataIsScanned(t *testing.T) {
	m := Metadata{
		Correlation: uuid.New(), Causation: uuid.New(), Command: uuid.New(), Fingerprint: "c29tZXRoaW5n",
		Actor: domain.ActorUser, ActorID: "7c9e6679-7425-40de-944b-e07fc1f90ae7", OnBehalfOf: "someone", Version: 2,
	}
	data, err := EncodeMetadata(m)
	if err != nil {
		t.Fatal(err)
	}
	if scanned, ok := scanMetadata(data); !ok || scanned != m {
		t.Errorf("%s was scanned as %+v, %v", data, scanned, ok)
	}
	m.Fingerprint, m.ActorID, m.OnBehalfOf = "", "", ""
	if data, err = EncodeMetadata(m); err != nil {
		t.Fatal(err)
	}
	if scanned, ok := scanMetadata(data); !ok || scanned != m {
		t.Errorf("%s was scanned as %+v, %v", data, scanned, ok)
	}
}

// Whatever the scanner accepts, encoding/json reads the same way.
func FuzzMetadata(f *testing.F) {
	for _, m := range []Metadata{
		{Correlation: uuid.New(), Command: uuid.New(), Actor: domain.ActorSystem, Version: 1},
		{Fingerprint: "a", Actor: domain.ActorUser, ActorID: "b", OnBehalfOf: "c", Version: 10},
		{Fingerprint: "\"\\\u2028<", Actor: "ü"},
	} {
		data, err := EncodeMetadata(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"$correlationId":"00000000-0000-0000-0000-000000000000","$causationId":"{0000000-0000-0000-0000-00000000000}","command":"urn:uuid:`))
	f.Add([]byte(`{"actor":"user","Version":3,"version":04}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		scanned, ok := scanMetadata(data)
		if !ok {
			return
		}
		var want storedMetadata
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%q was scanned, encoding/json says %v", data, err)
		}
		if scanned != Metadata(want) {
			t.Fatalf("%q was scanned as %+v, want %+v", data, scanned, want)
		}
	})
}

func BenchmarkMetadata(b *testing.B) {
	m := Metadata{
		Correlation: uuid.New(), Causation: uuid.New(), Command: uuid.New(), Fingerprint: "c29tZXRoaW5n",
		Actor: domain.ActorClient, ActorID: "7c9e6679-7425-40de-944b-e07fc1f90ae7", Version: 1,
	}
	data, err := EncodeMetadata(m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			_, _ = EncodeMetadata(m)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			_, _ = DecodeMetadata(data)
		}
	})
	b.Run("write with encoding/json", func(b *testing.B) {
		for b.Loop() {
			_, _ = json.Marshal(storedMetadata(m))
		}
	})
	b.Run("read with encoding/json", func(b *testing.B) {
		for b.Loop() {
			var m storedMetadata
			_ = json.Unmarshal(data, &m)
		}
	})
}
