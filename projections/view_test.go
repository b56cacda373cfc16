package projections_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/projectiontest"
)

func TestRowsFollowFromEventsInEveryWay(t *testing.T) {
	a, b := accountStream("a"), accountStream("b")
	on := projectiontest.On
	late := on(b, pinged{})
	late.At = projectiontest.Start.Add(48*time.Hour + 123456789*time.Nanosecond)
	g := projectiontest.Run(t, bank(),
		on(a, opened{Owner: "Ann"}), on(b, opened{Owner: "Ann"}), on(a, deposited{70}),
		on(a, transferred{To: "b", Amount: 20}), on(b, tagged{[]string{"x", `q"uote,{}`, ""}}), on(b, moved{"Bob"}),
		on(a, closed{}), on(a, pinged{}), late,
	)
	note := "x"
	projectiontest.Then(g, `SELECT * FROM account ORDER BY id`, account{
		accountKey: accountKey{Tenant: "00112233-4455-6677-8899-aabbccddeeff", ID: "b"}, // as pgx writes a uuid
		Owner:      "Bob", Balance: 20, Tags: []string{"x", `q"uote,{}`, ""}, Note: &note,
		Changed: late.At.Truncate(time.Microsecond).UTC().Local(),
	})
	type counted struct {
		Owner             string
		Accounts, Balance int64
	}
	projectiontest.Then(g, `SELECT owner, accounts, balance FROM owner_count ORDER BY owner`, counted{"Bob", 1, 20})
	type days struct{ Events int64 }
	projectiontest.Then(g, `SELECT events FROM day ORDER BY day`, days{8}, days{1})
}

func TestFoldNeedsNoDatabase(t *testing.T) {
	a := accountStream("a")
	rows := projectiontest.Fold[account](t, bank().Tables[0], projectiontest.On(a, opened{Owner: "Ann"}), projectiontest.On(a, deposited{5}))
	if len(rows) != 1 || rows[0].ID != "a" || rows[0].Balance != 5 {
		t.Errorf("%+v", rows)
	}
}

func TestEventsThatCantBeSoAreNamed(t *testing.T) {
	a, on := accountStream("a"), projectiontest.On
	for _, c := range []struct {
		events []eventstore.Recorded
		want   error
	}{
		{[]eventstore.Recorded{on(a, deposited{1})}, projections.ErrNoRow},
		{[]eventstore.Recorded{on(a, opened{}), on(a, closed{}), on(a, moved{"x"})}, projections.ErrNoRow},
		{[]eventstore.Recorded{on(a, opened{}), on(a, opened{})}, projections.ErrRowExists},
	} {
		err := projectiontest.Refuses(t, bank(), c.events...)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), err.ID.String()) {
			t.Errorf("refused with %v, want %v", err, c.want)
		}
	}
}

// bankHistory draws a history that makes sense: only accounts that are there are used.
func bankHistory(t *rapid.T) []eventstore.Recorded {
	var events []eventstore.Recorded
	open := map[string]bool{}
	at := projectiontest.Start
	for range rapid.IntRange(0, 80).Draw(t, "events") {
		id := fmt.Sprintf("a%d", rapid.IntRange(0, 5).Draw(t, "account"))
		other := fmt.Sprintf("a%d", rapid.IntRange(0, 5).Draw(t, "other"))
		var e domain.Event = opened{Owner: rapid.SampledFrom([]string{"Ann", "Bob", "Eve", ""}).Draw(t, "owner")}
		if open[id] {
			e = rapid.SampledFrom([]domain.Event{
				deposited{int64(rapid.IntRange(-9, 9).Draw(t, "amount"))}, moved{rapid.SampledFrom([]string{"Ann", "Bob"}).Draw(t, "to")},
				tagged{rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", `"`, "NULL", ""}), 0, 3).Draw(t, "tags")}, tagged{}, closed{}, pinged{}, transferred{To: other, Amount: 3},
			}).Draw(t, "event")
			if tr, ok := e.(transferred); ok && !open[tr.To] {
				e = pinged{}
			}
		}
		_, isClosed := e.(closed)
		open[id] = !isClosed
		r := projectiontest.On(accountStream(id), e)
		at = at.Add(time.Duration(rapid.IntRange(-100, 100_000).Draw(t, "after")) * 777_777_777)
		r.At = at
		events = append(events, r)
	}
	return events
}

func TestRowsDoNotDependOnHowEventsArrive(t *testing.T) {
	db := postgrestest.Pool(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		v := bank()
		run++
		v.Name = fmt.Sprintf("bank%d", run)
		seed := rapid.Uint64().Draw(rt, "seed")
		projectiontest.CheckAll(rt, db, v, bankHistory(rt), rand.New(rand.NewPCG(seed, 1))) //nolint:gosec // not a secret
	})
}
