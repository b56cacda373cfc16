package demorsp

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"avportal/http/rsp"
)

// pageSize is small, so that the demo has several pages.
const pageSize = 5

func (s *Server) apiUser(w http.ResponseWriter, _ *http.Request, u rsp.User) { answer(w, u) }

func (s *Server) apiAccounts(w http.ResponseWriter, r *http.Request, u rsp.User) {
	accounts, _ := s.list(u.Reseller.ID)
	answerPage(w, r, accounts)
}

func (s *Server) apiLicenses(w http.ResponseWriter, r *http.Request, u rsp.User) {
	_, licenses := s.list(u.Reseller.ID)
	answerPage(w, r, licenses)
}

func (s *Server) apiLicense(w http.ResponseWriter, r *http.Request, u rsp.User) {
	_, licenses := s.list(u.Reseller.ID)
	n := slices.IndexFunc(licenses, func(l rsp.License) bool { return l.ID == r.PathValue("id") })
	if n < 0 {
		http.Error(w, `{"error":"not_found"}`, http.StatusNotFound)
		return
	}
	answer(w, licenses[n])
}

func answerPage[T any](w http.ResponseWriter, r *http.Request, all []T) {
	from, _ := strconv.Atoi(r.URL.Query().Get("after")) // the first page without
	from = max(0, min(from, len(all)))
	to := min(from+pageSize, len(all))
	next := ""
	if to < len(all) {
		next = strconv.Itoa(to)
	}
	answer(w, map[string]any{"items": append([]T{}, all[from:to]...), "next": next})
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the caller has gone if this fails
}
