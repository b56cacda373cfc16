package api

import "context"

// GetNames answers what codes are called in the caller's language.
func (s *server) GetNames(ctx context.Context, _ GetNamesRequestObject) (GetNamesResponseObject, error) {
	return GetNames200JSONResponse(languageOf(ctx).Names()), nil
}
