package rowkey

import (
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestKeysComeBackAsTheyWere(t *testing.T) {
	for _, k := range []Key{
		"", "main", "K-1001", "fifteen-letters", "sixteen--letters",
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		"6BA7B810-9DAD-11D1-80B4-00C04FD430C8", // another spelling is another id
		"6ba7b810-9dad-11d1-80b4-00c04fd430-8", "6b-7b810-9dad-11d1-80b4-00c04fd430c8",
		"6ba7b810-9dad-11d1-80b4-00c04fd430c-", "------------------------------------", "6ba7b810-9dad-11d1-80b4-00c04fdg30c8",
		"6ba7b8109dad-11d1-80b4-00c04fd430c8xy", // 36 bytes, no UUID
	} {
		checkRoundTrip(t, k)
	}
	if n := len(Key(uuid.NewString()).Bytes()); n != 16 {
		t.Errorf("a UUID takes %d bytes, want 16", n)
	}
}

func TestAnyIDComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkRoundTrip(t, Key(rapid.StringMatching(`[0-9A-Za-z._-]{0,100}`).Draw(t, "id")))
	})
}

func TestTwoIDsNeverMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.StringMatching(`[0-9a-f-]{14,17}`), rapid.StringMatching(`[0-9a-f-]{8}-[0-9a-f]{4}-[0-9a-f-]{4}-[0-9a-f]{4}-[0-9a-f-]{12}`))
		a, b := Key(id.Draw(t, "a")), Key(id.Draw(t, "b"))
		if (string(a.Bytes()) == string(b.Bytes())) != (a == b) {
			t.Fatalf("%q and %q are stored as %x and %x", a, b, a.Bytes(), b.Bytes())
		}
	})
}

func checkRoundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
}, k Key) {
	t.Helper()
	var got Key
	if err := got.ScanBytes(k.Bytes()); err != nil || got != k {
		t.Fatalf("%q came back as %q, %v", k, got, err)
	}
}
