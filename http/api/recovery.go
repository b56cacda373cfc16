package api

import (
	"context"

	"avportal/domain"
)

// errNoMail is for portals that send no mails, and is the same for everybody.
var errNoMail = &domain.Error{Class: domain.Conflict, Code: "no_mail_server", Message: "This portal sends no mails. Ask an administrator of your company to invite you anew."}

// RequestRecovery lets a link for a new password be mailed. Nobody learns from the answer, or from how long it takes, whether there is
// such an account: what is to be done is done afterwards.
func (s *server) RequestRecovery(ctx context.Context, r RequestRecoveryRequestObject) (RequestRecoveryResponseObject, error) {
	if s.Mails == nil || !s.Mails.Sends() {
		return nil, errNoMail
	}
	if err := s.Credentials.ChargeRecovery(ctx, r.Body.Email, callOf(ctx).address); err != nil {
		return nil, err
	}
	s.Background(func(ctx context.Context) {
		if err := s.SignIn.RequestRecovery(ctx, s.Credentials, r.Body.Email); err != nil {
			s.Log.WarnContext(ctx, "a request for a new password came to nothing", "err", err)
		}
	})
	return RequestRecovery202Response{}, nil
}

// CompleteRecovery replaces the password by the secret of the mail.
func (s *server) CompleteRecovery(ctx context.Context, r CompleteRecoveryRequestObject) (CompleteRecoveryResponseObject, error) {
	if err := s.SignIn.Recover(ctx, s.Credentials, r.Body.Secret, r.Body.Password); err != nil {
		return nil, err
	}
	return CompleteRecovery204Response{}, nil
}
