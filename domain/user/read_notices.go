package user

import (
	"slices"
	"time"

	"avportal/domain"
)

// maxRead bounds how many notices that a person has read one by one are remembered for decisions. To read an older one again is told
// again, which changes nothing.
const maxRead = 256

// ReadNotice notes that a person has read a notice. That there is such a notice, and that he sees it, is for who asks to check.
type ReadNotice struct {
	Tenant domain.Tenant
	User   domain.UserID
	Notice string
	Raised time.Time // when the notice was raised
	At     time.Time
}

// NoticeRead names the notice. It stands in the reader's stream and not in the notice's: what a person has read is his own affair, and
// a notice that a thousand people read stays one event.
type NoticeRead struct {
	User   domain.UserID `json:"user"`
	Notice string        `json:"notice"`
}

// EventType is the stored type name.
func (NoticeRead) EventType() string { return "user.notice_read" }

// Stream is the membership's.
func (c ReadNotice) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c ReadNotice) Needs() domain.Permission { return domain.ManageSelf }

// Decide notes it once.
func (c ReadNotice) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/notice", c.Notice); err != nil {
		return nil, err
	}
	if !c.Raised.After(s.readUntil) || slices.Contains(s.read, c.Notice) {
		return nil, nil
	}
	return []domain.Event{NoticeRead{User: c.User, Notice: c.Notice}}, nil
}

// ReadNotices notes that a person has read all that was raised up to a moment.
type ReadNotices struct {
	Tenant domain.Tenant
	User   domain.UserID
	Until  time.Time
	At     time.Time
}

// NoticesRead tells up to when all that was raised has been read.
type NoticesRead struct {
	User  domain.UserID `json:"user"`
	Until time.Time     `json:"until"`
}

// EventType is the stored type name.
func (NoticesRead) EventType() string { return "user.notices_read" }

// Stream is the membership's.
func (c ReadNotices) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c ReadNotices) Needs() domain.Permission { return domain.ManageSelf }

// Decide moves the moment forward, never back, and not beyond now.
func (c ReadNotices) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	until := domain.Instant(c.Until)
	if c.At.Before(until) {
		until = domain.Instant(c.At)
	}
	if !until.After(s.readUntil) {
		return nil, nil
	}
	return []domain.Event{NoticesRead{User: c.User, Until: until}}, nil
}

// withRead leaves the list that other states may share as it is.
func withRead(list []string, notice string) []string {
	return append(slices.Clone(list[max(0, len(list)-maxRead+1):]), notice)
}
