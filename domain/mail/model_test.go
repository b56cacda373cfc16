package mail

import (
	"testing"

	"pgregory.net/rapid"

	"avportal/domain/domaintest"
)

// How a message was concluded first holds, whatever is told of it later.
func TestMailAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s State
		how := "" // or sent, failed
		t.Repeat(map[string]func(*rapid.T){
			"conclude": func(t *rapid.T) {
				c := send
				c.Failure = rapid.SampledFrom([]string{"", "550 5.1.1", "too late"}).Draw(t, "failure")
				if domaintest.Step(t, &s, c, nil) != (how == "") {
					t.Fatalf("concluded, though %q before", how)
				}
				if how == "" {
					how = map[bool]string{true: "sent", false: "failed"}[c.Failure == ""]
				}
			},
			"": func(t *rapid.T) {
				if s.Exists() != (how != "") || s.GivenUp() != (how == "failed") {
					t.Fatalf("the message is %+v, want %q", s, how)
				}
			},
		})
	})
}
