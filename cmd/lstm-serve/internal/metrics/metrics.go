// Package metrics says in Prometheus's words what the server does. Nothing is counted for
// it: it reads what others count, whenever somebody asks.
package metrics

import (
	"log/slog"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc/codes"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/serving"
)

// prefix is what all names begin with that are not about Go or the process.
const prefix = "lstm_serve_"

// A Source is what is read.
type Source struct {
	Version string
	Models  *repository.Repository
	Ready   func() error
	Infer   map[string]*infer.Server // by protocol
	Calls   *serving.Calls
	Panics  *serving.Panics
}

// Handler returns the handler of /metrics.
func Handler(s *Source, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(NewRegistry(s), promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		MaxRequestsInFlight: 4,
	})
}

// NewRegistry returns the metrics of s, those of Go, and those of the process.
func NewRegistry(s *Source) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		serverCollector{s},
		modelCollector{s.Models},
	)
	return r
}

func newDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

var (
	buildInfo = newDesc("build_info", "What the program is: the numeric contract of its results, and the kernels that it computes with.",
		"version", "contract", "path")
	ready        = newDesc("ready", "1 if the server says that it should get requests.")
	panics       = newDesc("panics_total", "Requests that have caused a panic.")
	httpRequests = newDesc("http_requests_total", "Requests of HTTP that were answered, by the status.", "status")
	grpcCalls    = newDesc("grpc_calls_total", "Calls of gRPC that have ended, by the code; a stream is one.", "code")
	requests     = newDesc("inference_requests_total", "Requests for inference that were answered, those in streams one by one, by the code.",
		"protocol", "code")
	durations = newDesc("inference_duration_seconds", "From a request for inference, when it has been read, to its answer.", "protocol")
)

// A serverCollector collects what is not about a model.
type serverCollector struct{ *Source }

func (c serverCollector) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{buildInfo, ready, panics, httpRequests, grpcCalls, requests, durations} {
		all <- d
	}
}

func (c serverCollector) Collect(all chan<- prometheus.Metric) {
	put := func(d *prometheus.Desc, t prometheus.ValueType, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, t, value, labels...)
	}
	put(buildInfo, prometheus.GaugeValue, 1, c.Version, strconv.Itoa(lstm.Contract), lstm.Path())
	put(ready, prometheus.GaugeValue, isNil(c.Ready()))
	put(panics, prometheus.CounterValue, float64(c.Panics.Count()))
	ofHTTP, ofGRPC := c.Calls.Counts()
	for status, n := range ofHTTP {
		put(httpRequests, prometheus.CounterValue, float64(n), strconv.Itoa(status))
	}
	for code, n := range ofGRPC {
		put(grpcCalls, prometheus.CounterValue, float64(n), code.String())
	}
	for protocol, s := range c.Infer {
		stats := s.Stats()
		for code, n := range stats.Answered {
			if n > 0 {
				put(requests, prometheus.CounterValue, float64(n), protocol, codes.Code(code).String())
			}
		}
		all <- latencies(&stats.Latency, protocol)
	}
}

func isNil(err error) float64 {
	if err == nil {
		return 1
	}
	return 0
}
