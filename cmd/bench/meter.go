package main

import "avportal/cmd/bench/internal/measure"

// meter notes the processor time that ways take. On a busy machine it says more than the time that passes.
type meter struct {
	*bench
	spent map[string][]cpuEach
}

// cpuEach is what one operation took of the processors, in seconds. The node's part is in the portal's: they are one
// process.
type cpuEach struct{ portal, postgres float64 }

func newMeter(b *bench) meter { return meter{b, map[string][]cpuEach{}} }

// run runs f and divides what it took by the number of operations that it tells.
func (m meter) run(way string, f func() (ops int, err error)) error {
	own, theirs := measure.CPU(m.postmaster())
	ops, err := f()
	own2, theirs2 := measure.CPU(m.postmaster())
	if err == nil && ops > 0 {
		n := float64(ops)
		m.spent[way] = append(m.spent[way], cpuEach{(own2 - own).Seconds() / n, (theirs2 - theirs).Seconds() / n})
	}
	return err
}

// each tells the medians of what a way took.
func (m meter) each(way string) string {
	var portal, postgres []float64
	for _, s := range m.spent[way] {
		portal, postgres = append(portal, s.portal), append(postgres, s.postgres)
	}
	return latency(measure.Median(portal)) + " portal and node, " + latency(measure.Median(postgres)) + " Postgres"
}
