package portal

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	mails "avportal/domain/mail"
)

// metrics are labeled by type names and route templates only, so that their number stays small.
type metrics struct {
	registry       *prometheus.Registry
	commands       *prometheus.CounterVec
	commandSeconds *prometheus.HistogramVec
	mails          *prometheus.CounterVec
	requests       *prometheus.CounterVec
	requestSeconds *prometheus.HistogramVec
}

func newMetrics() *metrics {
	buckets := prometheus.ExponentialBuckets(0.00025, 2, 16) // a quarter of a millisecond to eight seconds
	m := &metrics{
		registry: prometheus.NewRegistry(),
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "avportal_commands_total", Help: "Commands by type and by how they ended: done, replayed, a refusal's code, or error.",
		}, []string{"command", "outcome"}),
		commandSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "avportal_command_seconds", Help: "Time from receiving a command to its events being durable.", Buckets: buckets,
		}, []string{"command"}),
		mails: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "avportal_mails_total", Help: "Mails by kind and by how they ended: sent, failed, void (nothing to say any more), unknown (not in the log).",
		}, []string{"kind", "outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "avportal_http_requests_total", Help: "HTTP requests by route template, method and status.",
		}, []string{"route", "method", "status"}),
		requestSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "avportal_http_request_seconds", Help: "Time to answer an HTTP request, long polls and event streams included.", Buckets: buckets,
		}, []string{"route", "method"}),
	}
	for _, kind := range []mails.Kind{mails.Invitation, mails.Recovery, mails.SignInChanged, mails.Notice, mails.Digest} {
		for _, outcome := range []string{"sent", "failed"} {
			m.mails.WithLabelValues(string(kind), outcome) // there from the beginning, so that the first one counts as an increase
		}
	}
	m.registry.MustRegister(m.commands, m.commandSeconds, m.mails, m.requests, m.requestSeconds,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

func (m *metrics) observeCommand(command, outcome string, took time.Duration) {
	m.commands.WithLabelValues(command, outcome).Inc()
	m.commandSeconds.WithLabelValues(command).Observe(took.Seconds())
}

func (m *metrics) countMail(kind, outcome string) { m.mails.WithLabelValues(kind, outcome).Inc() }

// middleware counts what a router answers. It belongs on the router itself, where the route is known.
func (m *metrics) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := "(none)"
		if current := mux.CurrentRoute(r); current != nil {
			if t, err := current.GetPathTemplate(); err == nil {
				route = t
			}
		}
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		began := time.Now()
		next.ServeHTTP(answer, r)
		m.requests.WithLabelValues(route, r.Method, strconv.Itoa(answer.status)).Inc()
		m.requestSeconds.WithLabelValues(route, r.Method).Observe(time.Since(began).Seconds())
	})
}

// statusWriter remembers the status. Unwrap keeps deadlines and flushing reachable for http.ResponseController.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives the writer underneath.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
