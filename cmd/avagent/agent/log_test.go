package agent_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"avportal/http/agent/wire"
)

func TestTheLogOfTheDeviceIsSent(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	if err := os.WriteFile(filepath.Join(d.dir.Path(), "agent.log"), []byte("level=INFO msg=\"command begins\" path=/home/vera/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.command("c1", wire.KindLog, "")
	d.run()
	r := d.result("c1")
	if !r.OK || r.Code != wire.ResultDone || r.Detail == "" {
		t.Fatalf("the result: %+v", r)
	}
	zipped, err := gzip.NewReader(bytes.NewReader(r.Log))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zipped)
	if err != nil || !strings.Contains(string(text), `msg="command begins" path=/home/*/x`) {
		t.Errorf("the log: %q, %v", text, err)
	}
}
