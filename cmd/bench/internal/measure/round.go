package measure

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Way is one of the ways that are compared: it works for about one slice of time, or does one slice of the work.
type Way struct {
	Name string
	Run  func(context.Context) (Sample, error)
}

// Plan says how ways are compared.
type Plan struct {
	Rounds int   // at least 5, for a result that counts
	Slices int   // how often each way has its turn within a round; what they give is joined
	Repeat int   // how often a round is thrown away and taken again because the disk changed too much
	Disk   *Disk // probed before, between and after the slices; nil where nothing is durable
	Say    func(format string, args ...any)
}

// Round is what the ways gave within one round, side by side.
type Round struct {
	Of       map[string]Sample
	Slowest  time.Duration // of the disk's probes
	Fastest  time.Duration
	Repeated int // how often the round was thrown away because the disk changed too much
}

// unsteady is how many times the fastest probe the slowest may take for a round to count.
const unsteady = 3

// Run lets all ways have their turns, in an order that is drawn anew for each turn, and is the same in every run: so none is always
// the one after the other's litter, and none falls in step with what comes back at intervals, as the merges of a store do.
func (p Plan) Run(ctx context.Context, ways ...Way) ([]Round, error) {
	rounds := make([]Round, 0, p.Rounds)
	order := rand.New(rand.NewPCG(0, 0)) //nolint:gosec // nothing is secret here
	for len(rounds) < p.Rounds {
		r, err := p.steady(ctx, ways, order)
		if err != nil {
			return nil, err
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// steady repeats a round until the disk was steady. If it never is, the last one is taken and tells so by its probes.
func (p Plan) steady(ctx context.Context, ways []Way, order *rand.Rand) (Round, error) {
	for repeated := 0; ; repeated++ {
		r, err := p.round(ctx, ways, order)
		r.Repeated = repeated
		if err != nil || !r.Unsteady() || repeated == p.Repeat {
			return r, err
		}
		p.say("the disk moved from %v to %v a flush: the round is repeated", r.Fastest, r.Slowest)
	}
}

// Unsteady reports whether the disk changed too much for the round to count.
func (r Round) Unsteady() bool { return r.Slowest > unsteady*r.Fastest }

func (p Plan) round(ctx context.Context, ways []Way, order *rand.Rand) (Round, error) {
	r := Round{Of: map[string]Sample{}}
	for range max(p.Slices, 1) {
		for _, i := range order.Perm(len(ways)) {
			w := ways[i]
			if err := r.probe(p.Disk); err != nil {
				return r, err
			}
			s, err := w.Run(ctx)
			if err = errors.Join(err, ctx.Err()); err != nil {
				return r, fmt.Errorf("%s: %w", w.Name, err)
			}
			r.Of[w.Name] = r.Of[w.Name].add(s)
		}
	}
	return r, r.probe(p.Disk)
}

func (r *Round) probe(d *Disk) error {
	if d == nil {
		return nil
	}
	took, err := d.Probe()
	if err != nil {
		return fmt.Errorf("probe the disk: %w", err)
	}
	r.Slowest = max(r.Slowest, took)
	if r.Fastest == 0 || took < r.Fastest {
		r.Fastest = took
	}
	return nil
}

func (p Plan) say(format string, args ...any) {
	if p.Say != nil {
		p.Say(format, args...)
	}
}
