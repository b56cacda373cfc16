package commands

import (
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/customer"
	"avportal/eventstore"
	"avportal/eventstore/memory"
)

func TestCommandIDsAreRememberedAll(t *testing.T) {
	var seen commandIDs
	ids := make([]uuid.UUID, 100)
	for i := range ids {
		if ids[i] = uuid.NewSHA1(uuid.Nil, []byte{byte(i)}); seen.mayHave(ids[i]) {
			t.Fatalf("id %d passes for seen", i)
		}
		for range 1 + i%3 { // events
			seen.add(ids[i])
		}
		if j := slices.IndexFunc(ids[:i+1], func(id uuid.UUID) bool { return !seen.mayHave(id) }); j >= 0 {
			t.Fatalf("id %d is forgotten after %d", j, i)
		}
	}
	if n := len(*seen.more); n != len(ids)-2 {
		t.Errorf("%d of %d ids take memory of their own", n, len(ids))
	}
}

func TestAnIDThatLooksLikeNoneIsRemembered(t *testing.T) {
	var seen commandIDs
	id := uuid.UUID{0: 7, 4: 7} // its parts cancel each other
	if seen.mayHave(id) {
		t.Error("it passes for seen before it is")
	}
	if seen.add(id); !seen.mayHave(id) {
		t.Error("it is forgotten")
	}
}

// Short ids may meet. The stream tells them apart.
func TestAnIDThatLooksLikeASeenOneIsNoReplay(t *testing.T) {
	h := New(memory.New(catalog.Registry()))
	tenant := domain.Tenant("0123456789abcdef0123456789abcdef")
	rq := Request{Actor: domain.SystemActor("test", tenant), At: time.Now(), ID: uuid.New()}
	if _, err := Do(t.Context(), h, rq, customer.Import{Tenant: tenant, Customer: "c1", Name: "Old", At: rq.At}); err != nil {
		t.Fatal(err)
	}
	twin := rq
	twin.ID[3], twin.ID[15] = twin.ID[3]^1, twin.ID[15]^1
	if short(twin.ID) != short(rq.ID) {
		t.Fatal("the ids do not look alike")
	}
	res, err := Do(t.Context(), h, twin, customer.Rename{Tenant: tenant, Customer: "c1", Name: "New", At: rq.At})
	if err != nil || res.Replayed || res.Events != 1 {
		t.Errorf("%+v, %v: want one event", res, err)
	}
}

// endless is a store with a stream of more events than are counted.
type endless struct{ eventstore.Store }

func (endless) Read(context.Context, domain.Stream, eventstore.Revision, eventstore.Direction, int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		yield(eventstore.Recorded{Revision: math.MaxInt32, Event: customer.Renamed{}}, nil)
	}
}

func TestAStreamThatIsTooLongIsRefused(t *testing.T) {
	h := New(endless{})
	err := Peek(t.Context(), h, domain.Stream{Kind: domain.KindCustomer, ID: "c1"}, func(customer.State, eventstore.Revision) {
		t.Error("it was shown")
	})
	var refusal *domain.Error
	if err == nil || errors.As(err, &refusal) {
		t.Errorf("%v, want a failure", err)
	}
}
