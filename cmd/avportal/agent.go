package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"avportal/domain"
)

// localAgent is the device agent that runs beside a development portal, as one more device.
type localAgent struct{ cmd *exec.Cmd }

// startAgent enrolls the agent and runs it. Its scans look at <data>/agent/files, and its signatures know EICAR, the
// harmless test virus of the antivirus industry.
func startAgent(ctx context.Context, data, url string, tid domain.TID) (*localAgent, error) {
	binary, err := findAgent()
	if err != nil {
		return nil, err
	}
	home, err := filepath.Abs(filepath.Join(data, "agent"))
	if err != nil {
		return nil, err
	}
	files, signatures := filepath.Join(home, "files"), filepath.Join(home, "signatures")
	for _, dir := range []string{files, signatures} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(signatures, "demo.ndb"), []byte(eicarSignature()), 0o644); err != nil {
		return nil, err
	}
	state := []string{"--state", filepath.Join(home, "state")}
	engine := []string{"--engine", "builtin", "--database", signatures, "--root", files}
	enroll := exec.CommandContext(ctx, binary, append(append([]string{"enroll", "--server", url, "--tid", string(tid)}, state...), engine...)...)
	if out, err := enroll.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("enroll the local agent: %w: %s", err, out)
	}
	log, err := os.OpenFile(filepath.Join(home, "agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own
	//nolint:noctx // stop ends it in order
	run := exec.Command(binary, append(append([]string{"run", "--interval", "1m"}, state...), engine...)...)
	run.Stdout, run.Stderr = log, log
	run.SysProcAttr = childAttributes()
	return &localAgent{run}, run.Start()
}

// stop ends the agent in order, and at once if it does not end.
func (a *localAgent) stop() {
	if a.cmd.Process.Signal(syscall.SIGTERM) != nil {
		return // it has ended by itself
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = a.cmd.Process.Kill() })
	defer kill.Stop()
	_ = a.cmd.Wait() // how it ended is in its log
}

func findAgent() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	beside := filepath.Join(filepath.Dir(self), "avagent")
	if _, err := os.Stat(beside); err == nil {
		return beside, nil
	}
	if path, err := exec.LookPath("avagent"); err == nil {
		return path, nil
	}
	return "", errors.New("there is no avagent beside this program; `make build` makes both")
}

// eicarSignature is a line of a ClamAV database that finds the EICAR test file. The string is joined here so that no
// scanner takes this source for the file itself.
func eicarSignature() string {
	eicar := `X5O!P%@AP[4\PZX54(P^)7CC)7}` + `$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`
	return "Eicar-Test-Signature:0:0:" + hex.EncodeToString([]byte(eicar)) + "\n"
}
