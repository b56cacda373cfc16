package api

import (
	"context"

	"avportal/domain/session"
	"avportal/domain/user"
)

func (s *server) GetCredentials(ctx context.Context, _ GetCredentialsRequestObject) (GetCredentialsResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	held, err := s.Credentials.Held(ctx, current.Person)
	if err != nil {
		return nil, err
	}
	return GetCredentials200JSONResponse{
		Password: held.Password, PasswordChangedAt: instant(held.PasswordAt), Totp: held.TOTP, RecoveryCodes: held.RecoveryCodes,
	}, nil
}

// ChangePassword replaces the caller's password, and signs him out everywhere else.
func (s *server) ChangePassword(ctx context.Context, r ChangePasswordRequestObject) (ChangePasswordResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Credentials.Confirm(ctx, current.Person, r.Body.Current); err != nil {
		return nil, err
	}
	if err := s.Credentials.SetPassword(ctx, current.Person, r.Body.Password, s.SignIn.Noting(current.Person, user.SetPassword, "")); err != nil {
		return nil, err
	}
	return ChangePassword204Response{}, s.SignIn.EndAll(ctx, current.Person, current.ID, session.CredentialsChanged)
}

// BeginTotp makes the seed for an authenticator app; the password is asked for once more.
func (s *server) BeginTotp(ctx context.Context, r BeginTotpRequestObject) (BeginTotpResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Credentials.Confirm(ctx, current.Person, r.Body.Password); err != nil {
		return nil, err
	}
	secret, uri, err := s.Credentials.BeginTOTP(ctx, current.Person, string(current.User))
	if err != nil {
		return nil, err
	}
	return BeginTotp200JSONResponse{Secret: secret, Uri: uri}, nil
}

// ConfirmTotp switches one-time codes on, and signs the caller out everywhere else.
func (s *server) ConfirmTotp(ctx context.Context, r ConfirmTotpRequestObject) (ConfirmTotpResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	codes, err := s.Credentials.EndTOTP(ctx, current.Person, r.Body.Code, s.SignIn.Noting(current.Person, user.SwitchCodesOn, ""))
	if err != nil {
		return nil, err
	}
	return ConfirmTotp200JSONResponse{RecoveryCodes: codes}, s.SignIn.EndAll(ctx, current.Person, current.ID, session.CredentialsChanged)
}

// DisableTotp switches one-time codes off.
func (s *server) DisableTotp(ctx context.Context, r DisableTotpRequestObject) (DisableTotpResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Credentials.Confirm(ctx, current.Person, r.Body.Password); err != nil {
		return nil, err
	}
	if err := s.Credentials.EndAllTOTP(ctx, current.Person, s.SignIn.Noting(current.Person, user.SwitchCodesOff, "")); err != nil {
		return nil, err
	}
	return DisableTotp204Response{}, s.SignIn.EndAll(ctx, current.Person, current.ID, session.CredentialsChanged)
}

// RenewRecoveryCodes replaces the caller's recovery codes; the password is asked for once more.
func (s *server) RenewRecoveryCodes(ctx context.Context, r RenewRecoveryCodesRequestObject) (RenewRecoveryCodesResponseObject, error) {
	current, err := sessionOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Credentials.Confirm(ctx, current.Person, r.Body.Password); err != nil {
		return nil, err
	}
	codes, err := s.Credentials.NewRecoveryCodes(ctx, current.Person, s.SignIn.Noting(current.Person, user.RenewRecovery, ""))
	if err != nil {
		return nil, err
	}
	return RenewRecoveryCodes200JSONResponse{RecoveryCodes: codes}, nil
}
