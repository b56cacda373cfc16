package postgres

import (
	"context"
	"net/url"
	"testing"
	"time"
)

func socketEnv(t *testing.T) func(string) []string {
	return func(server string) []string {
		u, err := url.Parse(server)
		if err != nil {
			t.Error(err)
			return nil
		}
		return []string{"SOCKET=" + u.Query().Get("host") + "/.s.PGSQL.5432"}
	}
}

func TestRunWithGivesTheCommandAServer(t *testing.T) {
	cfg := Config{Fast: true, Log: quiet()}
	code, err := RunWith(deadline(t), cfg, []string{"/bin/sh", "-c", `test -S "$SOCKET" && exit 3`}, socketEnv(t))
	if code != 3 || err != nil {
		t.Errorf("the command's exit code 3 came back as %d, %v", code, err)
	}
}

func TestRunWithTellsWhyACommandCouldNotRun(t *testing.T) {
	cfg := Config{Fast: true, Log: quiet()}
	if code, err := RunWith(deadline(t), cfg, []string{"no-such-command"}, socketEnv(t)); code != -1 || err == nil {
		t.Errorf("without a command of that name: %d, %v", code, err)
	}
	if code, err := RunWith(deadline(t), cfg, nil, socketEnv(t)); code != -1 || err == nil {
		t.Errorf("without a command: %d, %v", code, err)
	}
}

func TestRunWithInterruptsTheCommandWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	begin := func(string) []string {
		time.AfterFunc(200*time.Millisecond, cancel)
		return nil
	}
	code, err := RunWith(ctx, Config{Fast: true, Log: quiet()}, []string{"sleep", "60"}, begin)
	if code != -1 || err == nil {
		t.Errorf("an interrupted command: %d, %v", code, err)
	}
}
