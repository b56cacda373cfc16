package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"avportal/cmd/avagent/portaltest"
	"avportal/http/agent/wire"
)

func TestKilledBetweenReportAndAnswer(t *testing.T) {
	m := newMachine(t)
	m.enroll()
	m.infect("evil")
	m.do(exitThreats, append([]string{"scan", "--full"}, m.flags...)...)
	var arrived atomic.Int32
	m.portal.Faults(func(r *http.Request) portaltest.Fault {
		if r.URL.Path == wire.ReportsPath && arrived.Add(1) <= 2 {
			return portaltest.Hang // taken, never answered
		}
		return portaltest.None
	})
	for i := range int32(2) {
		cmd := m.run()
		m.portal.Wait("report taken", func() bool { return arrived.Load() == i+1 && len(m.portal.Reports) == 1 })
		kill(cmd)
		if s := m.status(); s.Running || s.Queue.Entries == 0 {
			t.Fatalf("after kill %d: %+v", i, s)
		}
	}
	m.run()
	m.portal.Wait("third delivery", func() bool { return arrived.Load() >= 3 })
	m.waitForEmptyQueue()
	m.portal.View(func() { // portaltest itself complains if the repetition is not the same
		if len(m.portal.Reports) != 1 || len(m.portal.Open) != 1 {
			t.Errorf("%d reports, open %v; want one of each", len(m.portal.Reports), m.portal.Open)
		}
	})
}

func TestKilledInTheMiddleOfAScan(t *testing.T) {
	m := newMachine(t)
	scans := slowClamd(t, 1)
	m.flags = []string{"--engine", "clamd", "--clamd", scans.address, "--database", m.db, "--root", m.root}
	m.enroll()
	cmd := m.run()
	m.portal.Offer(wire.Command{ID: "c1", Kind: wire.KindScan, Profile: wire.ProfileFull, ExpiresAt: time.Now().Add(time.Hour)})
	<-scans.begun
	m.portal.Wait("started", func() bool { _, ok := m.portal.Started["c1"]; return ok })
	kill(cmd)
	m.run()
	m.portal.Wait("result", func() bool { _, ok := m.portal.Results["c1"]; return ok })
	m.portal.View(func() {
		if r := m.portal.Results["c1"]; !r.OK || len(r.Threats) != 1 {
			t.Errorf("result %+v", r)
		}
	})
}

func TestACommandThatBringsTheAgentDownIsGivenUp(t *testing.T) {
	m := newMachine(t)
	scans := slowClamd(t, 1000)
	m.flags = []string{"--engine", "clamd", "--clamd", scans.address, "--database", m.db, "--root", m.root}
	m.enroll()
	m.portal.Offer(wire.Command{ID: "c1", Kind: wire.KindScan, Profile: wire.ProfileFull, ExpiresAt: time.Now().Add(time.Hour)})
	for range 3 {
		cmd := m.run()
		<-scans.begun
		kill(cmd)
	}
	m.run()
	m.portal.Wait("result", func() bool { _, ok := m.portal.Results["c1"]; return ok })
	m.portal.View(func() {
		if r := m.portal.Results["c1"]; r.OK || r.Code != wire.ResultFailed || !strings.Contains(r.Detail, "3 times") {
			t.Errorf("result %+v", r)
		}
	})
}

// clamds is a clamd that never ends its first scans, which is the moment to kill an agent.
type clamds struct {
	address string
	begun   chan struct{}
}

func slowClamd(t *testing.T, hanging int) clamds {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := clamds{address: l.Addr().String(), begun: make(chan struct{}, 100)}
	go func() {
		for scans := 0; ; {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			buf := make([]byte, 4096)
			n, _ := conn.Read(buf)
			command, path, _ := strings.Cut(string(bytes.TrimSuffix(buf[:n], []byte{0})), " ")
			switch {
			case command != "zMULTISCAN":
				_, _ = conn.Write([]byte("ClamAV 1.4.3\x00"))
				_ = conn.Close()
			case scans < hanging:
				scans++
				c.begun <- struct{}{}
				t.Cleanup(func() { _ = conn.Close() })
			default:
				_, _ = fmt.Fprintf(conn, "%s/evil: Portal.Test.Eicar.UNOFFICIAL FOUND\x00", path)
				_ = conn.Close()
			}
		}
	}()
	return c
}

// TestKilledAtRandom kills the agent at random moments while the disk changes and commands come, and then compares what
// the portal believes with what is.
func TestKilledAtRandom(t *testing.T) {
	m := newMachine(t)
	m.enroll()
	const kills = 12
	var offered []string
	for i := range kills {
		cmd := m.run()
		path := m.infect(fmt.Sprint("evil", i))
		if i%3 == 2 {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		id := fmt.Sprint("c", i)
		offered = append(offered, id)
		m.portal.Offer(wire.Command{ID: id, Kind: wire.KindScan, Profile: wire.ProfileFull, ExpiresAt: time.Now().Add(time.Hour)})
		time.Sleep(rand.N(250 * time.Millisecond))
		kill(cmd)
	}
	m.run()
	m.portal.Wait("every result", func() bool { return len(m.portal.Results) == kills })
	m.waitForEmptyQueue()
	m.portal.View(func() {
		for _, id := range offered {
			if r, ok := m.portal.Results[id]; !ok || !r.OK {
				t.Errorf("result of %s: %+v", id, r)
			}
		}
		believed := map[string]int{}
		for _, th := range m.portal.Open {
			believed[th.Path]++
		}
		files, err := filepath.Glob(filepath.Join(m.root, "evil*"))
		if err != nil || len(files) != len(believed) {
			t.Errorf("%d infected files, the portal believes %v", len(files), believed)
		}
		for _, f := range files {
			if believed[f] != 1 {
				t.Errorf("%s: open %d times", f, believed[f])
			}
		}
	})
}

func TestSIGTERMEndsWell(t *testing.T) {
	m := newMachine(t)
	scans := slowClamd(t, 1)
	m.flags = []string{"--engine", "clamd", "--clamd", scans.address, "--database", m.db, "--root", m.root}
	m.portal.View(func() { m.portal.PollWaitSeconds = 60 }) // it must not wait for the poll either
	m.enroll()
	cmd := m.run()
	m.portal.Offer(wire.Command{ID: "c1", Kind: wire.KindScan, Profile: wire.ProfileFull, ExpiresAt: time.Now().Add(time.Hour)})
	<-scans.begun
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("after SIGTERM: %v, want exit code 0", err)
	}
	if s := m.status(); s.OpenTasks != 1 {
		t.Fatalf("the interrupted command is gone: %+v", s)
	}
	m.run()
	m.portal.Wait("result after the restart", func() bool { return m.portal.Results["c1"].OK })
}
