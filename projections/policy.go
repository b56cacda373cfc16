package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"avportal/eventstore"
)

// Policy reacts to events, in the order of the log. React is called at least once for each event, and never by a rebuild;
// what it does must be harmless when repeated, which a command with an id made of the event's id and the policy's name is.
// An error stops the policy before that event, visibly, and is tried again with growing pauses; an operator may have the event left out, as
// with views. A new policy begins with the first event of the log, and so does one that Rewind sends back.
type Policy struct {
	Name  string
	React func(ctx context.Context, r eventstore.Recorded) error
}

// policyTopic is the name by which a policy subscribes and holds its lease.
func policyTopic(name string) string { return "policy/" + name }

// policyRunner moves one policy. Like a view it has a lease, so that of two portals one reacts, and a fence.
type policyRunner struct {
	engine *Engine
	policy Policy

	mu      sync.Mutex
	session *session
	epoch   int64
	at      eventstore.Position
	leaves  quarantine
	release func()
}

func (p *policyRunner) checkpoint(ctx context.Context) (eventstore.Position, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.standDown()
	s, release, err := p.engine.hold(ctx, policyTopic(p.policy.Name), p.engine.owner)
	if err != nil {
		return eventstore.Position{}, err
	}
	p.session, p.release = s, release
	if err := p.enter(ctx, s); err != nil {
		p.standDown()
		return eventstore.Position{}, err
	}
	return p.at, nil
}

// enter shuts out whoever moved the policy before, and looks whether it can be gone on with.
func (p *policyRunner) enter(ctx context.Context, s *session) error {
	var commit, prepare int64
	here := place{who: "policy " + p.policy.Name, heal: "avportal projections rewind '" + p.policy.Name + "'"}
	err := s.conn.QueryRow(ctx, `INSERT INTO portal.policy_checkpoint (name) VALUES ($1)
		ON CONFLICT (name) DO UPDATE SET epoch = policy_checkpoint.epoch + 1 RETURNING epoch, commit, prepare,
		COALESCE(last_id, '00000000-0000-0000-0000-000000000000'), COALESCE(last_stream, ''), COALESCE(last_revision, -1)`, p.policy.Name).Scan(
		&p.epoch, &commit, &prepare, &here.last.id, &here.last.stream, &here.last.revision)
	if err != nil {
		return err
	}
	p.at = eventstore.Position{Commit: uint64(commit), Prepare: uint64(prepare)} //nolint:gosec // never negative
	here.position = p.at
	if err := p.engine.sameLog(ctx, here); err != nil {
		if errors.Is(err, ErrAhead) {
			p.halt(ctx, &EventError{View: policyTopic(p.policy.Name), Err: err, Position: p.at})
		}
		return err
	}
	p.leaves, err = readQuarantine(ctx, p.engine.Store, policyTopic(p.policy.Name))
	return err
}

func (p *policyRunner) apply(ctx context.Context, b eventstore.Batch) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session == nil || p.session.conn.IsClosed() {
		return fmt.Errorf("policy %s: %w", p.policy.Name, ErrFenced)
	}
	if b.After.Compare(p.at) > 0 {
		return fmt.Errorf("policy %s is at %s, the batch follows %s: %w", p.policy.Name, p.at, b.After, ErrGap)
	}
	first := slices.IndexFunc(b.Events, func(r eventstore.Recorded) bool { return r.Position.Compare(p.at) > 0 })
	if first < 0 {
		return nil
	}
	var (
		done   eventstore.Recorded // the last
		passed int
		failed *EventError
	)
	for i, r := range b.Events[first:] {
		if _, out := p.leaves[r.ID]; out {
			passed++
		} else if err := p.react(ctx, r); err != nil {
			failed = newEventError(i, r, err)
			failed.View = policyTopic(p.policy.Name)
			break
		}
		done = r
	}
	if failed == nil {
		_ = sleep(ctx, alone) // at its end it is saved all the same
	}
	if err := p.save(context.WithoutCancel(ctx), done, passed); err != nil { // what was done need not be done again
		return fmt.Errorf("policy %s: %w", p.policy.Name, err)
	}
	if failed == nil {
		return nil
	}
	if ctx.Err() == nil {
		p.halt(ctx, failed)
	}
	return failed
}

// halt notes why the policy stands. The next event that it gets past clears it.
func (p *policyRunner) halt(ctx context.Context, failed *EventError) {
	p.engine.halt(ctx, `portal.policy_checkpoint SET error = $2, error_type = $3, error_at = $4, error_id = $5,
		error_since = COALESCE(error_since, now()) WHERE name = $1`, p.policy.Name, failed)
}

func (p *policyRunner) react(ctx context.Context, r eventstore.Recorded) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if isUnknown(r) {
		return ErrUnknownEvent
	}
	return p.policy.React(ctx, r)
}

// save moves the checkpoint, unless another portal has taken over.
func (p *policyRunner) save(ctx context.Context, last eventstore.Recorded, passed int) error {
	to := last.Position
	if to.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, leaseTTL)
	defer cancel()
	tag, err := p.session.conn.Exec(ctx, `UPDATE portal.policy_checkpoint SET commit = $2, prepare = $3, moved = now(), error = NULL, error_id = NULL,
		error_type = NULL, error_at = NULL, error_since = NULL, last_id = $7, last_stream = $8, last_revision = $9, passed = passed + $10
		WHERE name = $1 AND epoch = $4 AND commit = $5 AND prepare = $6`,
		p.policy.Name, int64(to.Commit), int64(to.Prepare), p.epoch, int64(p.at.Commit), int64(p.at.Prepare),
		last.ID, last.Stream.String(), int64(last.Revision), passed) //nolint:gosec // below 2^63 by ParsePosition and the stores
	if err == nil && tag.RowsAffected() != 1 {
		err = ErrFenced
	}
	if err != nil {
		return errors.Join(err, p.session.close())
	}
	p.at = to
	return nil
}

func (p *policyRunner) standDown() {
	if p.session == nil {
		return
	}
	if !p.session.conn.IsClosed() {
		_ = p.session.close()
	}
	p.release()
	p.session, p.release = nil, nil
}

func (p *policyRunner) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.standDown()
}
