package agent

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/http/agent/wire"
)

// maxLogText is how long a log may be once it is unpacked, so that nobody who downloads it is in for a surprise.
const maxLogText = 64 << 20

// keepLog stores the log that a result brings, before the result is told, so that whoever is told finds it. What was not asked for
// is left aside; what the customer does not consent to any more, or is no log, turns the result into a failure.
func (s *server) keepLog(ctx context.Context, c caller, result *device.Complete, content []byte) error {
	asked := false
	var owner domain.Scope
	err := commands.Inspect(ctx, s.Commands, result.Stream(), func(st device.State, _ eventstore.Revision) {
		owner = st.Scope()
		for _, p := range st.Pending() {
			asked = asked || p.ID == result.Request && p.Kind == device.FetchLog
		}
	})
	if err != nil || !asked || !result.OK {
		return err
	}
	consented, err := commands.LogConsent(ctx, s.Commands, c.tenant, c.device)
	switch {
	case err != nil:
		return err
	case !consented:
		result.OK, result.Code, result.Detail = false, wire.ResultNoConsent, "the customer does not let logs be read any more"
		return nil
	case !isLog(content):
		result.OK, result.Code, result.Detail = false, wire.ResultInvalid, "what the device sent is no log"
		return nil
	}
	sum := sha256.Sum256(content)
	result.Log = device.Log{Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	return s.Logs.Keep(ctx, owner, c.device, result.Request, c.now, content)
}

// isLog unpacks a log to see whether it is whole.
func isLog(content []byte) bool {
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return false
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r, maxLogText+1))
	return err == nil && n <= maxLogText
}
