package agent

import (
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"avportal/commands"
	"avportal/domain"
	"avportal/http/agent/wire"
)

var errGUIDConflict = &domain.Error{Class: domain.Conflict, Code: wire.CodeGUIDConflict, Message: "This GUID belongs to a device with another secret."}

// enroll takes a device in. It is known by its GUID, so repeating it changes nothing.
func (s *server) enroll(w http.ResponseWriter, r *http.Request) {
	var body wire.EnrollRequest
	if _, err := decode(w, r, &body); err != nil {
		s.fail(w, r, err)
		return
	}
	body.Clean()
	if err := s.checkEnrollment(body); err != nil {
		s.fail(w, r, err)
		return
	}
	rq := commands.Request{ID: uuid.New(), At: s.Now()}
	enrolled, _, err := commands.EnrollDevice(r.Context(), s.Commands, rq, commands.Enrollment{
		TID: body.TID, GUID: body.DeviceGUID, Group: domain.GroupID(body.Group), Facts: facts(body.Facts),
	})
	if err == nil {
		err = s.Credentials.Put(r.Context(), enrolled.Device, enrolled.Tenant, body.SecretHash)
	}
	if errors.Is(err, errOtherSecret) {
		err = errGUIDConflict
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.Seen(enrolled.Tenant, enrolled.Device, rq.At)
	_ = answer(w, http.StatusCreated, wire.Enrolled{
		DeviceID:              string(enrolled.Device),
		PollWaitSeconds:       int(wire.DefaultPollWait / time.Second),
		ReportIntervalSeconds: int(wire.DefaultReportInterval / time.Second),
	})
}

func (s *server) checkEnrollment(body wire.EnrollRequest) error {
	if hash, err := hex.DecodeString(body.SecretHash); err != nil || len(hash) != 32 || hex.EncodeToString(hash) != body.SecretHash {
		return errBody.At("/secret_hash").With("secret_hash is the lower-case hex SHA-256 of the device's secret.")
	}
	if _, err := uuid.Parse(body.DeviceGUID); err != nil {
		return errBody.At("/device_guid").With("device_guid is a UUID.")
	}
	if !allow(s.tids, body.TID, rate.Limit(enrollPerMinute)/60, enrollBurst) {
		return errTooFast
	}
	return nil
}
