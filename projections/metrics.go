package projections

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what only the moment of writing knows. Everything else is read when it is asked for, so that a view that
// stands still can't look as if it were up to date.
type metrics struct {
	events  *prometheus.CounterVec
	batches *prometheus.HistogramVec
	seconds *prometheus.HistogramVec
	fenced  *prometheus.CounterVec
}

func newMetrics() *metrics {
	label := []string{"view"}
	return &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avportal_view_events_total", Help: "Events applied by this process."}, label),
		batches: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "avportal_view_batch_events", Help: "Events in one transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 8)}, label),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "avportal_view_apply_seconds", Help: "Time to fold and write one batch.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 4, 9)}, label),
		fenced: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "avportal_view_fenced_total", Help: "Batches not written since somebody else had moved the view."}, label),
	}
}

func (m *metrics) applied(view string, events int, took time.Duration) {
	m.events.WithLabelValues(view).Add(float64(events))
	m.batches.WithLabelValues(view).Observe(float64(events))
	m.seconds.WithLabelValues(view).Observe(took.Seconds())
}

// scrapeTimeout bounds what a scrape waits for Postgres and the log.
const scrapeTimeout = 2 * time.Second

// Collector gives Prometheus the position, lag and state of each view, read at the time of the scrape.
func (e *Engine) Collector() prometheus.Collector {
	label := []string{"view"}
	return &collector{
		engine:         e,
		position:       prometheus.NewDesc("avportal_view_position", "Commit position of the last event in the live tables.", label, nil),
		head:           prometheus.NewDesc("avportal_log_position", "Commit position of the last event in the log.", nil, nil),
		lag:            prometheus.NewDesc("avportal_view_lag_seconds", "Time since the log first held something that the view does not show; 0 if it shows everything.", label, nil),
		halted:         prometheus.NewDesc("avportal_view_halted", "1 if the view stands before an event that it can't apply.", label, nil),
		paused:         prometheus.NewDesc("avportal_view_paused", "1 if an operator has told the view to stand still.", label, nil),
		verified:       prometheus.NewDesc("avportal_view_verified_timestamp_seconds", "When the live tables were last compared with a rebuild; missing if they never were.", label, nil),
		differs:        prometheus.NewDesc("avportal_view_differs", "1 if the last comparison of the live tables with a rebuild found a difference; missing if there was none.", label, nil),
		passed:         prometheus.NewDesc("avportal_view_quarantined_events", "Events that the live tables leave out, as an operator decided.", label, nil),
		policyPosition: prometheus.NewDesc("avportal_policy_position", "Commit position of the last event that the policy has got past.", []string{"policy"}, nil),
		policyHalted:   prometheus.NewDesc("avportal_policy_halted", "1 if the policy stands before an event that it can't react to.", []string{"policy"}, nil),
		policyLag:      prometheus.NewDesc("avportal_policy_lag_seconds", "Time since the log first held something that the policy has not reacted to; 0 if it is up to date.", []string{"policy"}, nil),
		up:             prometheus.NewDesc("avportal_views_up", "0 if the state of the views can't be read.", nil, nil),
	}
}

type collector struct {
	engine                                                             *Engine
	position, head, lag, halted, paused, verified, differs, passed, up *prometheus.Desc
	policyPosition, policyHalted, policyLag                            *prometheus.Desc
}

func (c *collector) parts() []prometheus.Collector {
	m := c.engine.metrics
	return []prometheus.Collector{m.events, m.batches, m.seconds, m.fenced}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.position, c.head, c.lag, c.halted, c.paused, c.verified, c.differs, c.passed, c.up, c.policyPosition, c.policyHalted, c.policyLag} {
		out <- d
	}
	for _, p := range c.parts() {
		p.Describe(out)
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, p := range c.parts() {
		p.Collect(out)
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	all, err := c.engine.Status(ctx)
	if err != nil {
		gauge(c.up, 0)
		return
	}
	policies, err := c.engine.PolicyStatus(ctx)
	if err != nil {
		gauge(c.up, 0)
		return
	}
	gauge(c.up, 1)
	gauge(c.head, float64(c.engine.lag.head().Commit))
	for _, s := range all {
		gauge(c.position, float64(s.Position.Commit), s.View)
		gauge(c.lag, s.Behind.Seconds(), s.View)
		gauge(c.halted, oneIf(s.Halted != nil), s.View)
		gauge(c.paused, oneIf(s.Paused), s.View)
		gauge(c.passed, float64(s.Quarantined), s.View)
		if !s.Verified.IsZero() {
			gauge(c.verified, float64(s.Verified.UnixMilli())/1000, s.View)
			gauge(c.differs, oneIf(s.Differs != ""), s.View)
		}
	}
	for _, s := range policies {
		gauge(c.policyPosition, float64(s.Position.Commit), s.Name)
		gauge(c.policyHalted, oneIf(s.Halted != nil), s.Name)
		gauge(c.policyLag, s.Behind.Seconds(), s.Name)
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
