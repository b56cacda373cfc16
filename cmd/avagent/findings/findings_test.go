package findings

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"avportal/cmd/avagent/state"
	"avportal/http/agent/wire"
)

func inTx(t *testing.T, dir *state.Dir, fn func(tx *bbolt.Tx) error) {
	t.Helper()
	if err := dir.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *state.Dir {
	dir, err := state.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func always(string, string) bool { return true }
func never(string, string) bool  { return false }

func TestAThreatKeepsItsIDUntilItIsResolvedAndIsAnotherAfterwards(t *testing.T) {
	dir, now := open(t), time.Now().UTC()
	f := []Found{{Path: "/x", Name: "N"}, {Path: "/x", Name: "N"}}
	record := func(found []Found, gone func(string, string) bool) (got []wire.Threat) {
		inTx(t, dir, func(tx *bbolt.Tx) (err error) {
			got, err = Record(tx, now, found, gone)
			return err
		})
		return got
	}
	first := record(f, never)
	if len(first) != 1 || first[0].Resolved || first[0].Path != "/x" || first[0].Name != "N" || !first[0].FoundAt.Equal(now) {
		t.Fatalf("first scan: %+v", first)
	}
	again := record(f, always)
	if len(again) != 1 || again[0].ID != first[0].ID {
		t.Fatalf("same scan again: %+v, want the threat %s", again, first[0].ID)
	}
	if kept := record(nil, never); len(kept) != 0 {
		t.Fatalf("a scan that proves nothing touched %+v", kept)
	}
	gone := record(nil, always)
	if len(gone) != 1 || gone[0].ID != first[0].ID || !gone[0].Resolved || gone[0].ResolvedAt == nil {
		t.Fatalf("resolving scan: %+v", gone)
	}
	if back := record(f, never); len(back) != 1 || back[0].ID == first[0].ID {
		t.Fatalf("it came back as %+v, want another id", back)
	}
}

func TestPathsThatAreNotUTF8AreKeptByteForByte(t *testing.T) {
	dir := open(t)
	f := Found{Path: "/x/\xff\xfe", Name: "N"}
	inTx(t, dir, func(tx *bbolt.Tx) error {
		_, err := Record(tx, time.Now(), []Found{f}, never)
		return err
	})
	inTx(t, dir, func(tx *bbolt.Tx) error {
		files, err := Files(tx)
		if !slices.Equal(files, []Found{f}) {
			t.Errorf("files %q, want %q", files, f)
		}
		touched, recordErr := Record(tx, time.Now(), []Found{f}, always)
		if len(touched) != 1 || touched[0].Resolved {
			t.Errorf("found again: %+v", touched)
		}
		return errors.Join(err, recordErr)
	})
}

func TestTellingMoreThanAReportHolds(t *testing.T) {
	dir := open(t)
	const many = 2*wire.MaxThreats + 10
	var found []Found
	for i := range many {
		found = append(found, Found{Path: fmt.Sprint("/", i), Name: "N"})
	}
	told := map[string]bool{}
	inTx(t, dir, func(tx *bbolt.Tx) error {
		_, err := Record(tx, time.Now(), found, never)
		return err
	})
	for round := 1; ; round++ {
		var news int
		inTx(t, dir, func(tx *bbolt.Tx) error {
			list, complete, fresh, err := Tell(tx)
			if complete || len(list) != wire.MaxThreats {
				t.Errorf("round %d: %d threats, complete %v", round, len(list), complete)
			}
			for _, th := range list {
				told[th.ID] = true
			}
			news, _ = News(tx)
			if (round <= 2 && fresh != wire.MaxThreats) || (round == 3 && fresh != 10) {
				t.Errorf("round %d: %d are news", round, fresh)
			}
			return err
		})
		if news == 0 {
			break
		}
	}
	if len(told) != many {
		t.Fatalf("%d threats told, want %d", len(told), many)
	}
}
