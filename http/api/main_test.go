package api_test

import (
	"testing"

	"go.uber.org/goleak"

	"avportal/projections/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, postgrestest.IgnoreServer(),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}
