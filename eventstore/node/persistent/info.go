package persistent

import "sort"

// Info is the state of a group.
type Info struct {
	Config
	Status           string
	LastCheckpointed string // empty for none
	LastKnown        string // of the source, empty for none
	AveragePerSecond int32
	Total            int64
	SinceMeasurement int64
	Buffered         int
	Retrying         int
	InFlight         int
	Parked           int64
	Consumers        []ConsumerInfo
}

// ConsumerInfo is the state of one consumer.
type ConsumerInfo struct {
	From, Username, Name string
	AveragePerSecond     int32
	Total                int64
	SinceMeasurement     int64
	FreeSlots, InFlight  int
}

// Info describes one group.
func (s *Groups) Info(key Key) (Info, error) {
	g, err := s.get(key)
	if err != nil {
		return Info{}, err
	}
	return g.info()
}

// List describes the groups of a stream, of All, or of all if the stream is "".
func (s *Groups) List(stream string) ([]Info, error) {
	s.mu.Lock()
	var found []*group
	for key, g := range s.groups {
		if stream == "" || key.Stream == stream {
			found = append(found, g)
		}
	}
	s.mu.Unlock()
	if stream != "" && len(found) == 0 {
		return nil, ErrNotFound
	}
	infos := make([]Info, 0, len(found))
	for _, g := range found {
		info, err := g.info()
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	sort.Slice(infos, func(i, j int) bool { return infos[i].String() < infos[j].String() })
	return infos, nil
}

func (g *group) info() (Info, error) {
	known, err := g.lastKnown()
	if err != nil {
		return Info{}, err
	}
	parked := g.parked()
	g.mu.Lock()
	defer g.mu.Unlock()
	i := Info{
		Config: g.Config, Status: "Live", LastKnown: known, Parked: parked,
		AveragePerSecond: g.measure.average, Total: g.measure.total, SinceMeasurement: g.measure.sinceTick,
		Buffered: len(g.buffer), Retrying: len(g.retry), InFlight: len(g.inFlight),
	}
	if g.failure != nil {
		i.Status = "Faulted: " + g.failure.Error()
	}
	if g.checkpoint != g.After {
		i.LastCheckpointed = g.pointText(g.checkpoint)
	}
	for _, c := range g.consumers {
		i.Consumers = append(i.Consumers, ConsumerInfo{
			From: c.From, Username: c.Username, Name: c.Name, AveragePerSecond: c.measure.average,
			Total: c.measure.total, SinceMeasurement: c.measure.sinceTick, FreeSlots: c.slots - c.held, InFlight: c.held,
		})
	}
	return i, nil
}

func (g *group) lastKnown() (string, error) {
	if g.Stream == All {
		return g.pointText(int64(g.db.Last())), nil
	}
	state, err := g.db.Stream(g.Stream)
	if err != nil || state.Last < 0 {
		return "", err
	}
	return g.pointText(state.Last), nil
}
