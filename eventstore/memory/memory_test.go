package memory_test

import (
	"testing"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/eventstore/storetest"
)

func TestStore(t *testing.T) {
	log := memory.New(storetest.Registry())
	storetest.Run(t, func(_ *testing.T, r *domain.Registry) eventstore.Store { return log.With(r) })
}
