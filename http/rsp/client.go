package rsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Bounds of what the Reseller Portal may answer.
const (
	maxAnswer = 16 << 20 // bytes of one page
	maxPages  = 10_000
)

// client reads from the Reseller Portal's API in a person's name.
type client struct {
	http   *http.Client
	api    string
	access string
}

func (p *RelyingParty) with(access string) client {
	return client{http: p.client, api: strings.TrimSuffix(p.config.API, "/"), access: access}
}

// User tells who has granted access.
func (p *RelyingParty) User(ctx context.Context, g Grant) (u User, err error) {
	if err = p.with(g.Access).get(ctx, "/user", &u); err == nil && (u.ID == "" || u.Reseller.ID == "") {
		err = errors.Join(ErrUnavailable, errors.New("rsp: /user names no person or no reseller"))
	}
	return u, err
}

func (c client) accounts(ctx context.Context) ([]Account, error) {
	return list[Account](ctx, c, "/accounts")
}

func (c client) licenses(ctx context.Context) ([]License, error) {
	return list[License](ctx, c, "/licenses")
}

// license reads one. The error is ErrNotListed if the Reseller Portal has none of this id.
func (c client) license(ctx context.Context, id string) (l License, err error) {
	err = c.get(ctx, "/licenses/"+url.PathEscape(id), &l)
	if err == nil && l.ID != id {
		err = errors.Join(ErrUnavailable, fmt.Errorf("rsp: asked for license %q, it answers %q", id, l.ID))
	}
	return l, err
}

// list follows the pages of a list: each names the next one.
func list[T any](ctx context.Context, c client, path string) (all []T, err error) {
	next := ""
	for range maxPages {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next"`
		}
		query := ""
		if next != "" {
			query = "?after=" + url.QueryEscape(next)
		}
		if err := c.get(ctx, path+query, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if next = page.Next; next == "" {
			return all, nil
		}
	}
	return nil, errors.Join(ErrUnavailable, fmt.Errorf("rsp: %s does not end", path))
}

func (c client) get(ctx context.Context, path string, into any) error {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, c.api+path, nil)
	if err != nil {
		return err
	}
	rq.Header.Set("Authorization", "Bearer "+c.access)
	rq.Header.Set("Accept", "application/json")
	rs, err := c.http.Do(rq)
	if err != nil {
		return errors.Join(ErrUnavailable, err)
	}
	defer rs.Body.Close()
	switch rs.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %s answers %s", errRefused, path, rs.Status)
	case http.StatusNotFound:
		return ErrNotListed
	default:
		return errors.Join(ErrUnavailable, fmt.Errorf("rsp: %s answers %s", path, rs.Status))
	}
	body, err := io.ReadAll(io.LimitReader(rs.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return errors.Join(ErrUnavailable, fmt.Errorf("rsp: %s: %w", path, err))
	}
	return nil
}
