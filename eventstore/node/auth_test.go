package node_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

func testCertificate(tb testing.TB) *tls.Config {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// connectAs returns a client with the name and password of a user, "name:password@".
func connectAs(tb testing.TB, n *node.Node, user string) *esdb.Client {
	tb.Helper()
	config, err := esdb.ParseConnectionString("esdb://" + user + n.Addr().String() + "?tls=true&tlsverifycert=false")
	if err != nil {
		tb.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	c, err := esdb.NewClient(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func TestUsersAndAccessLists(t *testing.T) {
	n := nodetest.StartWith(t, node.Config{Dir: t.TempDir(), TLS: testCertificate(t), Users: []node.User{
		{Name: "admin", Password: "a-secret", Groups: []string{node.Admins}},
		{Name: "ops", Password: "o-secret", Groups: []string{node.Ops}},
		{Name: "anna", Password: "n-secret", Groups: []string{"readers"}},
		{Name: "ben", Password: "b-secret"},
	}})
	admin, ops, anna, ben := connectAs(t, n, "admin:a-secret@"), connectAs(t, n, "ops:o-secret@"), connectAs(t, n, "anna:n-secret@"), connectAs(t, n, "ben:b-secret@")
	appendTo(t, admin, "open", esdb.NoStream{}, event(0))
	appendTo(t, admin, "closed", esdb.NoStream{}, event(0))
	setMetadata(t, admin, "closed", `{"$acl":{"$r":["readers","ben"],"$w":"ben","$d":"$admins","$mr":"anna"}}`)

	read := func(c *esdb.Client, stream string) error {
		s, err := c.ReadStream(testContext(t), stream, esdb.ReadStreamOptions{}, 1)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Recv()
		return err
	}
	write := func(c *esdb.Client, stream string) error {
		_, err := c.AppendToStream(testContext(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event(1))
		return err
	}
	remove := func(c *esdb.Client, stream string) error {
		_, err := c.DeleteStream(testContext(t), stream, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
		return err
	}
	all := func(c *esdb.Client, _ string) error {
		s, err := c.ReadAll(testContext(t), esdb.ReadAllOptions{}, 1)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Recv()
		return err
	}
	group := func(c *esdb.Client, stream string) error {
		return c.CreatePersistentSubscription(testContext(t), stream, "g", esdb.PersistentStreamSubscriptionOptions{})
	}
	const allowed, denied, unknown = esdb.ErrorCode(-1), esdb.ErrorCodeAccessDenied, esdb.ErrorCodeUnauthenticated
	for _, test := range []struct {
		name   string
		do     func(*esdb.Client, string) error
		client *esdb.Client
		stream string
		want   esdb.ErrorCode
	}{
		{"everyone reads open streams", read, ben, "open", allowed},
		{"everyone writes open streams", write, anna, "open", allowed},
		{"a role reads", read, anna, "closed", allowed},
		{"a user reads", read, ben, "closed", allowed},
		{"another does not read", read, ops, "closed", denied},
		{"a user writes", write, ben, "closed", allowed},
		{"a role that reads does not write", write, anna, "closed", denied},
		{"who writes does not delete", remove, ben, "closed", denied},
		{"metadata by its own entry", read, anna, "$$closed", allowed},
		{"metadata not by that of the stream", read, ben, "$$closed", denied},
		{"system streams are the admins'", read, anna, "$users", denied},
		{"admins read system streams", read, admin, "$users", allowed},
		{"$all is the admins'", all, anna, "", denied},
		{"admins read $all", all, admin, "", allowed},
		{"nobody writes $all", write, admin, "$all", denied},
		{"operators make groups", group, ops, "open", allowed},
		{"others make no groups", group, anna, "open", denied},
		{"wrong password", write, connectAs(t, n, "anna:wrong@"), "open", unknown},
		{"unknown user", write, connectAs(t, n, "carl:n-secret@"), "open", unknown},
		{"no user", read, connectAs(t, n, ""), "open", unknown},
	} {
		if got := errorCode(test.do(test.client, test.stream)); got != test.want {
			t.Errorf("%s: code %v, want %v", test.name, got, test.want)
		}
	}
	if err := remove(admin, "closed"); err != nil {
		t.Error(err)
	}
}

func TestAccessIsTakenAwayFromASubscription(t *testing.T) {
	n := nodetest.StartWith(t, node.Config{Dir: t.TempDir(), TLS: testCertificate(t), Users: []node.User{
		{Name: "admin", Password: "a", Groups: []string{node.Admins}}, {Name: "anna", Password: "n"},
	}})
	admin, anna := connectAs(t, n, "admin:a@"), connectAs(t, n, "anna:n@")
	appendTo(t, admin, "s", esdb.NoStream{}, event(0))
	s, err := anna.SubscribeToStream(testContext(t), "s", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if e := next(t, s); e.EventAppeared == nil {
		t.Fatal(e)
	}
	if e := next(t, s); e.CaughtUp == nil {
		t.Fatal(e)
	}
	setMetadata(t, admin, "s", `{"$acl":{"$r":"$admins"}}`)
	if e := next(t, s); e.SubscriptionDropped == nil || !strings.Contains(e.SubscriptionDropped.Error.Error(), "access denied") {
		t.Fatalf("%+v", e)
	}
}

func TestUsersNeedTLS(t *testing.T) {
	_, err := node.Open(context.Background(), node.Config{Dir: t.TempDir(), Users: []node.User{{Name: "a", Password: "b"}}})
	if err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Fatal(err)
	}
}

func TestUnixSocketAndDiscovery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.sock")
	// What a killed process leaves behind is in nobody's way.
	abandoned, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	abandoned.SetUnlinkOnClose(false)
	if err := abandoned.Close(); err != nil {
		t.Fatal(err)
	}
	n := nodetest.StartWith(t, node.Config{Dir: t.TempDir(), Listen: "unix:" + path})
	config, err := esdb.ParseConnectionString(n.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	config.Address, config.Logger = "unix:"+path, esdb.NoopLogging()
	c, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	appendTo(t, c, "s", esdb.NoStream{}, event(0))
	if _, err := node.Open(context.Background(), node.Config{Dir: t.TempDir(), Listen: "unix:" + path}); err == nil {
		t.Error("two nodes listen on one socket")
	}

	n = nodetest.StartMem(t)
	config, err = esdb.ParseConnectionString("esdb+discover://" + n.Addr().String() + "?tls=false")
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	discovered, err := esdb.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	defer discovered.Close()
	appendTo(t, discovered, "s", esdb.NoStream{}, event(0))
	version, err := discovered.GetServerVersion()
	if err != nil || version.Major != 24 {
		t.Fatal(version, err)
	}
}
