package job

import (
	"fmt"
	"time"

	"avportal/domain"
)

// Progress tells results. The job ends with the last one.
type Progress struct {
	Tenant  domain.Tenant
	Job     ID
	Results []Result
	At      time.Time
}

// Progressed tells results, each item's once, and how far the job is with them.
type Progressed struct {
	Job     ID       `json:"job"`
	Results []Result `json:"results"`
	Done    int      `json:"done"`
	Total   int      `json:"total"`
}

// EventType is the stored type name.
func (Progressed) EventType() string { return "job.progressed" }

// Finished says that every item has its result.
type Finished struct {
	Job       ID  `json:"job"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
}

// EventType is the stored type name.
func (Finished) EventType() string { return "job.finished" }

// Stream is the job's.
func (c Progress) Stream() domain.Stream { return Stream(c.Tenant, c.Job) }

// Needs is what only the portal itself has.
func (c Progress) Needs() domain.Permission { return domain.OperatePlatform }

// Decide keeps the first result of each item; later ones for it are a repetition.
func (c Progress) Decide(s State) ([]domain.Event, error) {
	if !s.Exists() {
		return nil, domain.ErrNotFound
	}
	if len(c.Results) > MaxResults {
		return nil, domain.ErrInvalid.At("/results").With("At most %d results can be told at once.", MaxResults)
	}
	known := make(map[Item]bool, len(s.items)) // whether the item has its result
	for _, d := range s.items {
		_, open := s.open[d]
		known[d] = !open
	}
	var news []Result
	failed := s.failed
	for i, r := range c.Results {
		done, ours := known[r.Item]
		if !ours {
			return nil, domain.ErrInvalid.At(fmt.Sprintf("/results/%d/item", i)).With("The job has no such item.")
		}
		if err := r.check(i); err != nil {
			return nil, err
		}
		if done {
			continue
		}
		known[r.Item] = true
		news = append(news, r)
		if !r.OK {
			failed++
		}
	}
	if len(news) == 0 {
		return nil, nil
	}
	done, total := len(s.results)+len(news), len(s.items)
	events := []domain.Event{Progressed{Job: c.Job, Results: news, Done: done, Total: total}}
	if done == total {
		events = append(events, Finished{Job: c.Job, Succeeded: total - failed, Failed: failed})
	}
	return events, nil
}

func (r Result) check(i int) error {
	if err := domain.Text(fmt.Sprintf("/results/%d/code", i), r.Code, domain.MaxID); err != nil {
		return err
	}
	return domain.Text(fmt.Sprintf("/results/%d/message", i), r.Message, MaxMessage)
}
