package portal

import (
	"net"
	"strings"
	"testing"
)

func TestTheNextFreePortIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	if l, err := Listen(t.Context(), address, false); err == nil {
		l.Close()
		t.Errorf("%s was taken and is listened on again", address)
	}
	l, err := Listen(t.Context(), address, true)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Addr().String() == address {
		t.Errorf("the same address %s again", address)
	}
	if _, err := Listen(t.Context(), "127.0.0.1:nonsense", true); err == nil {
		t.Error("a port that is none was listened on")
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	c := Config{PostgresURL: "postgres://portal:geheim@db/portal", EventStoreURL: "esdb://admin:changeit@db:2113"}
	if s := c.String(); strings.Contains(s, "geheim") || strings.Contains(s, "changeit") || !strings.Contains(s, "@db") {
		t.Errorf("config shows as %s", s)
	}
}
