package persistent

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"sort"
	"sync"

	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

const (
	configStream = "$persistentSubscriptionConfig"
	configType   = "$PersistentConfig"
)

// Groups are all persistent subscriptions of a log.
type Groups struct {
	db     *storage.DB
	logger *slog.Logger

	mu     sync.Mutex
	groups map[Key]*group
	closed bool
}

// Open starts the groups that the log knows.
func Open(db *storage.DB, logger *slog.Logger) (*Groups, error) {
	s := &Groups{db: db, logger: logger, groups: map[Key]*group{}}
	configs, err := s.load()
	if err != nil {
		return nil, fmt.Errorf("read the persistent subscriptions: %w", err)
	}
	for _, c := range configs {
		g, err := newGroup(db, c)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.groups[c.Key] = g
	}
	return s, nil
}

func (s *Groups) load() (configs []Config, err error) {
	err = s.db.ScanStream(configStream, math.MaxInt64, storage.Backwards, func(e *storage.Entry) bool {
		err = json.Unmarshal(e.Record.Data, &configs)
		return false
	})
	if isMissing(err) {
		return nil, nil
	}
	return configs, err
}

// save writes all configurations, those of the running groups with one changed; a nil config removes the key.
func (s *Groups) save(ctx context.Context, key Key, changed *Config) error {
	configs := []Config{}
	for k, g := range s.groups {
		if k != key {
			configs = append(configs, g.Config)
		}
	}
	if changed != nil {
		configs = append(configs, *changed)
	}
	sort.Slice(configs, func(i, j int) bool { return configs[i].String() < configs[j].String() })
	data, err := json.Marshal(configs)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, &storage.Append{Stream: configStream, Expected: storage.Any,
		Events: []storage.Event{{ID: uuid.New(), Type: configType, JSON: true, Data: data}}})
}

// Create makes a group.
func (s *Groups) Create(ctx context.Context, c Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return storage.ErrClosed
	}
	if s.groups[c.Key] != nil {
		return ErrExists
	}
	return s.start(ctx, c)
}

// start writes the configuration and runs the group.
func (s *Groups) start(ctx context.Context, c Config) (err error) {
	if err := c.check(s.db.Last()); err != nil {
		return err
	}
	if c.After, err = s.startAfter(c); err != nil {
		return err
	}
	g, err := newGroup(s.db, c)
	if err != nil {
		return err
	}
	if err := s.save(ctx, c.Key, &c); err != nil {
		g.drop()
		return err
	}
	s.groups[c.Key] = g
	return nil
}

func (s *Groups) startAfter(c Config) (int64, error) {
	switch {
	case !c.StartFrom.End:
		return int64(min(c.StartFrom.At, math.MaxInt64)) - 1, nil
	case c.Stream == All:
		return int64(s.db.Last()), nil
	}
	state, err := s.db.Stream(c.Stream)
	return state.Last, err
}

// Update replaces the settings. Consumers are dropped; the group goes on after its checkpoint, or begins anew
// where the new settings say.
func (s *Groups) Update(ctx context.Context, c Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.groups[c.Key]
	if old == nil {
		return ErrNotFound
	}
	if err := c.check(s.db.Last()); err != nil {
		return err
	}
	c.Filter = old.Filter // the protocol has no way to change it
	old.drop()
	delete(s.groups, c.Key)
	return s.start(ctx, c)
}

// Delete ends a group and forgets its progress and what it parked.
func (s *Groups) Delete(ctx context.Context, key Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[key]
	if g == nil {
		return ErrNotFound
	}
	if err := s.save(ctx, key, nil); err != nil {
		return err
	}
	g.drop()
	delete(s.groups, key)
	for _, stream := range []string{key.checkpointStream(), key.parkedStream()} {
		if state, err := s.db.Stream(stream); err != nil || !state.Exists() {
			continue
		}
		if err := s.db.Write(ctx, &storage.Append{Stream: stream, Expected: storage.Any, Operation: storage.OpDelete}); err != nil {
			return err
		}
	}
	return nil
}

// Connect adds a consumer that may have a number of events at a time.
func (s *Groups) Connect(key Key, c *Consumer, slots int) error {
	g, err := s.get(key)
	if err != nil {
		return err
	}
	return g.connect(c, slots)
}

// Replay gives parked events out again, up to a number of the parked stream; 0 for all.
func (s *Groups) Replay(ctx context.Context, key Key, stopAt int64) error {
	g, err := s.get(key)
	if err != nil {
		return err
	}
	return g.replay(ctx, stopAt)
}

func (s *Groups) get(key Key) (*group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.groups[key]; g != nil {
		return g, nil
	}
	return nil, ErrNotFound
}

// Restart drops all consumers and starts every group anew from its checkpoint.
func (s *Groups) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, g := range s.groups {
		g.drop()
		fresh, err := newGroup(s.db, g.Config)
		if err != nil {
			return err
		}
		s.groups[key] = fresh
	}
	return nil
}

// Close ends all groups. What was acknowledged since the last checkpoint will be delivered again.
func (s *Groups) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, g := range s.groups {
		g.drop()
	}
}
