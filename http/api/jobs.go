package api

import (
	"context"
	"strconv"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/job"
	"avportal/eventstore"
	"avportal/projections/devices"
	"avportal/projections/jobs"
	"avportal/projections/licenses"
	"avportal/projections/page"
)

const jobsView = "jobs"

func (s *server) ListJobs(ctx context.Context, r ListJobsRequestObject) (ListJobsResponseObject, error) {
	c, p := callOf(ctx), r.Params
	reached, err := s.contains(ctx, jobsView)
	if err != nil {
		return nil, err
	}
	list, err := jobs.List(ctx, s.Readers, c.scope(), jobs.Filter{States: values[jobs.State](p.State), Actions: values[job.Action](p.Action)},
		page.Paging{Cursor: value(p.Cursor), Limit: value(p.Limit)})
	if err != nil {
		return nil, err
	}
	items, err := s.jobsOf(ctx, list.Items)
	return ListJobs200JSONResponse{
		JobList{Items: items, NextCursor: some(list.Next)}, ListJobs200ResponseHeaders{position(reached)},
	}, err
}

func (s *server) GetJob(ctx context.Context, r GetJobRequestObject) (GetJobResponseObject, error) {
	reached, err := s.contains(ctx, jobsView)
	if err != nil {
		return nil, err
	}
	j, err := jobs.Get(ctx, s.Readers, callOf(ctx).scope(), job.ID(r.Id))
	if err != nil {
		return nil, err
	}
	items, err := s.jobsOf(ctx, []jobs.Job{j})
	if err != nil {
		return nil, err
	}
	return GetJob200JSONResponse{items[0], GetJob200ResponseHeaders{position(reached)}}, nil
}

func (s *server) jobsOf(ctx context.Context, list []jobs.Job) ([]Job, error) {
	var groups []domain.GroupID
	for _, j := range list {
		if j.Group != "" {
			groups = append(groups, j.Group)
		}
	}
	names, err := licenses.GroupNames(ctx, s.Readers, callOf(ctx).scope(), groups)
	if err != nil {
		return nil, err
	}
	return each(list, func(j jobs.Job) Job {
		out := Job{
			Id: string(j.ID), Action: JobAction(j.Action), State: JobState(j.State), Total: j.Total, Done: j.Done, Failed: j.Failed,
			AcceptedAt: j.AcceptedAt, FinishedAt: instant(j.FinishedAt), Actor: Actor{Kind: ActorKind(j.Actor), Id: j.ActorID},
			Profile: some(j.Profile), Undoes: some(string(j.Undoes)),
		}
		if j.Group != "" {
			group := ref(j.Group, names[j.Group])
			out.Group = &group
		}
		return out
	}), nil
}

// ListJobResults tells results as the job's own stream has them: they are not kept a second time.
func (s *server) ListJobResults(ctx context.Context, r ListJobResultsRequestObject) (ListJobResultsResponseObject, error) {
	c, p := callOf(ctx), r.Params
	var results []job.Result
	var action job.Action
	visible := false
	err := commands.Inspect(ctx, s.Commands, job.Stream(c.actor.Tenant, job.ID(r.Id)), func(st job.State, _ eventstore.Revision) {
		visible, action, results = st.Exists() && c.actor.Sees(st.Scope()), st.Action(), st.Results()
	})
	if err == nil && !visible {
		err = domain.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	of := page.Of{List: "job results", Scope: c.scope(), Filter: []any{r.Id, p.Ok}}
	results, next, err := pageOfResults(of, results, p)
	if err != nil {
		return nil, err
	}
	items, err := s.resultsOf(ctx, action, results)
	if err != nil {
		return nil, err
	}
	return ListJobResults200JSONResponse{Body: JobResultList{Items: items, NextCursor: next}}, nil
}

// resultsOf shows results with the names of what they are about.
func (s *server) resultsOf(ctx context.Context, action job.Action, results []job.Result) ([]JobResult, error) {
	scope := callOf(ctx).scope()
	language := languageOf(ctx) // the log has the sentence in English
	items := each(results, func(r job.Result) JobResult {
		return JobResult{Ok: r.OK, Code: some(r.Code), Message: some(language.Sentence(r.Message))}
	})
	if action == job.AssignProfile {
		ids := each(results, func(r job.Result) domain.GroupID { return domain.GroupID(r.Item) })
		names, err := licenses.GroupNames(ctx, s.Readers, scope, ids)
		for i, id := range ids {
			group := ref(id, names[id])
			items[i].Group = &group
		}
		return items, err
	}
	ids := each(results, func(r job.Result) domain.DeviceID { return domain.DeviceID(r.Item) })
	names, err := devices.Names(ctx, s.Readers, scope, ids)
	for i, id := range ids {
		device := ref(id, names[id])
		items[i].Device = &device
	}
	return items, err
}

// pageOfResults cuts a page out of all results, which only ever grow at the end.
func pageOfResults(of page.Of, all []job.Result, p ListJobResultsParams) (results []job.Result, next *string, err error) {
	key, err := of.Key(value(p.Cursor), 1)
	if err != nil {
		return nil, nil, err
	}
	begin := 0
	if key != nil {
		if begin, err = strconv.Atoi(key[0]); err != nil || begin < 0 || begin > len(all) {
			return nil, nil, page.ErrCursor
		}
	}
	limit := page.Limit(value(p.Limit))
	for i := begin; i < len(all); i++ {
		if p.Ok != nil && all[i].OK != *p.Ok {
			continue
		}
		if len(results) == limit {
			cursor, err := of.Cursor(strconv.Itoa(i))
			return results, &cursor, err
		}
		results = append(results, all[i])
	}
	return results, nil, nil
}
