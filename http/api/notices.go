package api

import (
	"context"
	"errors"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/notice"
	"avportal/domain/user"
	"avportal/http/api/actionlog"
	"avportal/projections/notices"
	"avportal/projections/page"
)

const noticesView = "notices"

// ListNotices shows what the caller is told, and what of it he has read.
func (s *server) ListNotices(ctx context.Context, r ListNoticesRequestObject) (ListNoticesResponseObject, error) {
	c, p := callOf(ctx), r.Params
	reached, err := s.contains(ctx, noticesView)
	if err != nil {
		return nil, err
	}
	filter := notices.Filter{
		Kinds: values[domain.Notice](p.Kind), Severities: values[domain.Severity](p.Severity), Unread: value(p.Unread), Since: value(p.Since),
	}
	list, err := notices.List(ctx, s.Readers, c.reader(), c.at, filter, page.Paging{Cursor: value(p.Cursor), Limit: value(p.Limit)})
	if err != nil {
		return nil, err
	}
	items := make([]Notice, len(list.Items))
	for i, n := range list.Items {
		if items[i], err = s.notice(ctx, n); err != nil {
			return nil, err
		}
	}
	return ListNotices200JSONResponse{
		NoticeList{Items: items, NextCursor: some(list.Next)}, ListNotices200ResponseHeaders{position(reached)},
	}, nil
}

// errNoReader is for callers who are no members: tokens.
var errNoReader = &domain.Error{Class: domain.Conflict, Code: "no_read_marks", Message: "A token has no read marks; only people do."}

// reader is who asks. A token is no member, so it has read nothing.
func (c *call) reader() notices.Reader {
	return notices.Reader{Scope: c.scope(), User: domain.UserID(c.actor.ID)}
}

// notice shows what it concerns by the names of today.
func (s *server) notice(ctx context.Context, n notices.Notice) (Notice, error) {
	c, of := callOf(ctx), n.Subject
	title, text := languageOf(ctx).Notice(n.Kind, n.Facts)
	names, err := s.log.Names(ctx, c.actor.Tenant, actionlog.Place{Customer: of.Customer, License: of.License, Group: of.Group, Device: of.Device})
	out := Notice{
		Id: string(n.ID), Kind: NoticeKind(n.Kind), Severity: Severity(n.Kind.Severity()), Title: title, Text: text, At: n.At, Happened: n.Happened, Read: n.Read,
		Customer: placed(of.Customer, names.Customer), License: placed(of.License, names.License),
		Group: placed(of.Group, names.Group), Device: placed(of.Device, names.Device), User: some(string(of.User)),
	}
	switch {
	case of.User != "" && c.actor.Role.Allows(domain.ManageUsers):
		out.Link = some(basePath + "/users/" + string(of.User))
	case of.Device != "" && n.Kind != domain.NoticeRemoved:
		out.Link = some(basePath + "/devices/" + string(of.Device))
	case of.Device == "" && of.License != "":
		out.Link = some(basePath + "/licenses/" + string(of.License))
	}
	return out, err
}

// CountNotices counts what the caller has not read.
func (s *server) CountNotices(ctx context.Context, _ CountNoticesRequestObject) (CountNoticesResponseObject, error) {
	c := callOf(ctx)
	reached, err := s.contains(ctx, noticesView)
	if err != nil {
		return nil, err
	}
	counts, err := notices.Unread(ctx, s.Readers, c.reader(), c.at)
	body := NoticeSummary{Kinds: []NoticeCount{}}
	for _, kind := range domain.Notices() {
		n := counts[kind]
		if n == 0 {
			continue
		}
		body.Unread += n
		body.Kinds = append(body.Kinds, NoticeCount{
			Kind: NoticeKind(kind), Severity: Severity(kind.Severity()), Title: languageOf(ctx).Name("notice", string(kind)), Unread: n,
		})
	}
	body.More = body.Unread == notices.MaxCounted
	return CountNotices200JSONResponse{body, CountNotices200ResponseHeaders{position(reached)}}, err
}

// ReadNotice marks one notice as read, for the caller himself.
func (s *server) ReadNotice(ctx context.Context, r ReadNoticeRequestObject) (ReadNoticeResponseObject, error) {
	c := callOf(ctx)
	id, n, err := s.noticeOf(ctx, notice.ID(r.Id))
	if err != nil {
		return nil, err
	}
	res, err := commands.Do[user.State](ctx, s.Commands, c.request(), user.ReadNotice{Tenant: c.actor.Tenant, User: id, Notice: r.Id, Raised: n.At, At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return ReadNotice200JSONResponse{body, ReadNotice200ResponseHeaders(h)}, nil
}

// ReadNotices marks all notices up to one of them as read, for the caller himself.
func (s *server) ReadNotices(ctx context.Context, r ReadNoticesRequestObject) (ReadNoticesResponseObject, error) {
	c := callOf(ctx)
	id, n, err := s.noticeOf(ctx, notice.ID(r.Body.Notice))
	if err != nil {
		return nil, err
	}
	res, err := commands.Do[user.State](ctx, s.Commands, c.request(), user.ReadNotices{Tenant: c.actor.Tenant, User: id, Until: n.At, At: c.at})
	if err != nil {
		return nil, err
	}
	body, h := changed(id, res)
	return ReadNotices200JSONResponse{body, ReadNotices200ResponseHeaders(h)}, nil
}

// noticeOf finds a notice that the caller sees, and who he is. It says of a notice beyond his reach what it says of one that is not
// there, also to a token, which is nobody.
func (s *server) noticeOf(ctx context.Context, id notice.ID) (domain.UserID, notices.Notice, error) {
	c := callOf(ctx)
	n, err := notices.Get(ctx, s.Readers, c.reader(), c.at, id)
	if err != nil {
		return "", n, err
	}
	me, err := s.member(ctx)
	if errors.Is(err, errNoProfile) {
		err = errNoReader
	}
	return me, n, err
}
