package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestATemporaryServerLeavesNothingBehind(t *testing.T) {
	srv := start(t, Config{Fast: true})
	for query, want := range map[string]string{
		"SELECT current_database()":   "portal",
		"SHOW listen_addresses":       "", // no TCP, so no port can clash
		"SHOW fsync":                  "off",
		"SHOW server_encoding":        "UTF8",
		"SELECT to_char(now(), 'OF')": "+00",
		"SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'": "0",
	} {
		if got := query1(t, srv.URL(), query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	info, err := os.Stat(srv.run.path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's directory has mode %v, and its users need no password", info.Mode())
	}
	pid := srv.proc.cmd.Process.Pid
	stop(t, srv)
	stop(t, srv) // a second time is harmless
	if alive(pid) || exists(srv.run.path) {
		t.Errorf("after Stop: process alive %v, directory there %v", alive(pid), exists(srv.run.path))
	}
}

func TestDataSurvivesARestartAndIsDurable(t *testing.T) {
	dir := filepath.Join(publicDir(t), "not", "there", "yet")
	first := start(t, Config{DataDir: dir})
	exec1(t, first.URL(), "CREATE TABLE device AS SELECT 'kiosk' AS name")
	for _, setting := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if got := query1(t, first.URL(), "SHOW "+setting); got != "on" {
			t.Errorf("%s is %s; only Fast may lose data", setting, got)
		}
	}
	stop(t, first)
	if exists(first.run.path) || !exists(filepath.Join(dir, "PG_VERSION")) {
		t.Error("Stop must remove the socket's directory and keep the data")
	}
	second := start(t, Config{DataDir: dir})
	if got := query1(t, second.URL(), "SELECT name FROM device"); got != "kiosk" {
		t.Errorf("after a restart: %q", got)
	}
}

func TestASecondStartUsesTheRunningServer(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	owner := launchFrom(t, Config{DataDir: dir, Fast: true}, nil)
	guest := start(t, Config{DataDir: dir, Fast: true})
	if guest.URL() != owner.url {
		t.Errorf("the second start answers %s, the server is at %s", guest.URL(), owner.url)
	}
	stop(t, guest)
	if got := query1(t, owner.url, "SELECT 'alive'"); got != "alive" {
		t.Errorf("the guest's Stop ended the owner's server: %q", got)
	}
}

func TestStartsAtTheSameTimeShareOneServer(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	servers := make([]*Server, 4)
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			srv, err := Start(deadline(t), Config{DataDir: dir, Fast: true, Log: quiet()})
			if err != nil {
				t.Error(err)
				return
			}
			servers[i] = srv
		})
	}
	wg.Wait()
	owners := 0
	for _, srv := range servers {
		if srv == nil {
			continue
		}
		if srv.proc != nil {
			owners++
		}
		if srv.URL() != servers[0].URL() {
			t.Errorf("two servers: %s and %s", srv.URL(), servers[0].URL())
		}
		defer stop(t, srv)
	}
	if owners != 1 {
		t.Errorf("%d of 4 starts own the server, want 1", owners)
	}
}

func TestAConfiguredServerIsUsedAndLeftAlone(t *testing.T) {
	other := start(t, Config{Fast: true})
	srv, err := Start(deadline(t), Config{URL: other.URL(), ways: []way{}})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, srv)
	if got := query1(t, srv.URL(), "SELECT 'alive'"); got != "alive" {
		t.Errorf("Stop reached a server that is not ours: %q", got)
	}

	_, err = Start(deadline(t), Config{URL: "postgres://someone:secret@127.0.0.1:1/none"})
	if err == nil || !strings.Contains(err.Error(), "AVPORTAL_POSTGRES_URL") || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error must name the setting and keep the password: %v", err)
	}
}

func TestAnInterruptedInitdbDoesNoHarm(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	half := dir + ".new-123"
	if err := os.MkdirAll(filepath.Join(half, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil { // an empty one is no obstacle either
		t.Fatal(err)
	}
	start(t, Config{DataDir: dir, Fast: true})
	if exists(half) {
		t.Error("the half-made cluster takes up room for ever")
	}
}

func TestForeignFilesAreNotTouched(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	letter := filepath.Join(dir, "letter.txt")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(letter, []byte("dear"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Start(deadline(t), Config{DataDir: dir, Log: quiet()})
	if err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("start among foreign files: %v", err)
	}
	if !exists(letter) {
		t.Error("the file is gone")
	}
}

func TestAServerThatCannotStartShowsItsLog(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	stop(t, start(t, Config{DataDir: dir, Fast: true}))
	if err := os.Remove(filepath.Join(dir, "global", "pg_control")); err != nil {
		t.Fatal(err)
	}
	_, err := Start(deadline(t), Config{DataDir: dir, Log: quiet()})
	if err == nil || !strings.Contains(err.Error(), "pg_control") {
		t.Errorf("the error must show what the server wrote: %v", err)
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	dir := filepath.Join(publicDir(t), "data")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond) // initdb takes longer
	defer cancel()
	if _, err := Start(ctx, Config{DataDir: dir, Fast: true, Log: quiet()}); err == nil {
		t.Fatal("started within 50 ms, or did not notice the end of the context")
	}
	start(t, Config{DataDir: dir, Fast: true}) // and the next one succeeds
}
