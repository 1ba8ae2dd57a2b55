package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
)

// A modelCollector collects what is about the models.
type modelCollector struct{ models *repository.Repository }

// A modelMetric is a number of the sequences of a model.
type modelMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*sequences.Stats) float64
}

func count(name, help string, value func(*sequences.Stats) uint64) modelMetric {
	return modelMetric{newDesc(name+"_total", help, "model"), prometheus.CounterValue,
		func(s *sequences.Stats) float64 { return float64(value(s)) }}
}

func seconds(name, help string, value func(*sequences.Stats) time.Duration) modelMetric {
	return modelMetric{newDesc(name+"_seconds_total", help, "model"), prometheus.CounterValue,
		func(s *sequences.Stats) float64 { return value(s).Seconds() }}
}

func gauge(name, help string, value func(*sequences.Stats) float64) modelMetric {
	return modelMetric{newDesc(name, help, "model"), prometheus.GaugeValue, value}
}

var modelMetrics = []modelMetric{
	count("steps", "Steps of sequences that were taken.",
		func(s *sequences.Stats) uint64 { return s.Batch.Steps }),
	seconds("compute", "How long workers have computed steps, all of them together; an estimate from samples.",
		func(s *sequences.Stats) time.Duration { return s.Batch.Computing }),
	seconds("queue_sampled", "How long steps were in the queue, of those that were timed, one of 16.",
		func(s *sequences.Stats) time.Duration { return s.Batch.Waited }),
	count("queue_sampled_steps", "Steps that were timed in the queue.",
		func(s *sequences.Stats) uint64 { return s.Batch.Sampled }),
	gauge("queue_steps", "Steps that wait for a worker.",
		func(s *sequences.Stats) float64 { return float64(s.Batch.Waiting) }),
	gauge("waiting_requests", "Requests of sequences that have no answer yet.",
		func(s *sequences.Stats) float64 { return float64(s.Waiting) }),
	gauge("sequence_memory_bytes", "Memory that sequences occupy, about.",
		func(s *sequences.Stats) float64 { return float64(s.Bytes) }),
	count("sequence_requests", "Requests of sequences that have come.",
		func(s *sequences.Stats) uint64 { return s.Requests }),
	count("repeated_answers", "Answers that were given again.",
		func(s *sequences.Stats) uint64 { return s.Repeated }),
	count("sequences_started", "Sequences that requests have started.",
		func(s *sequences.Stats) uint64 { return s.Started }),
	count("sequences_ended", "Sequences that requests have ended.",
		func(s *sequences.Stats) uint64 { return s.Ended }),
	count("sequences_expired", "Sequences that were dropped because they had no request for too long.",
		func(s *sequences.Stats) uint64 { return s.Expired }),
	count("sequences_removed", "Sequences that clients have removed.",
		func(s *sequences.Stats) uint64 { return s.Removed }),
	count("sequences_exported", "Copies of sequences that clients have got.",
		func(s *sequences.Stats) uint64 { return s.Exported }),
	count("sequences_released", "Sequences that have moved away.",
		func(s *sequences.Stats) uint64 { return s.Released }),
	count("sequences_imported", "Sequences that have come from elsewhere.",
		func(s *sequences.Stats) uint64 { return s.Imported }),
	count("sequences_evicted", "Sequences that have left the memory for the store.",
		func(s *sequences.Stats) uint64 { return s.Evicted }),
	count("sequences_loaded", "Sequences that have come back from the store.",
		func(s *sequences.Stats) uint64 { return s.Loaded }),
	count("sequences_adopted", "Sequences that have come back to another network than they had left.",
		func(s *sequences.Stats) uint64 { return s.Adopted }),
	gauge("unstored_sequences", "Sequences that have changed since they were stored.",
		func(s *sequences.Stats) float64 { return float64(s.Unstored) }),
	count("checkpoint_transactions", "Transactions that were to store sequences.",
		func(s *sequences.Stats) uint64 { return s.Transactions }),
	count("store_failures", "Transactions that have failed to store sequences, and loads that have.",
		func(s *sequences.Stats) uint64 { return s.Failures }),
	count("checkpoint_records", "Sequences that were stored, each time counted.",
		func(s *sequences.Stats) uint64 { return s.RecordsWritten }),
	count("checkpoint_bytes", "Bytes of the sequences that were stored.",
		func(s *sequences.Stats) uint64 { return s.BytesWritten }),
	seconds("checkpoint", "How long transactions have taken.",
		func(s *sequences.Stats) time.Duration { return s.Writing }),
	gauge("last_checkpoint_duration_seconds", "How long the last transaction has taken.",
		func(s *sequences.Stats) float64 { return s.LastWriting.Seconds() }),
	gauge("last_checkpoint_timestamp_seconds", "When the last transaction has ended that did not fail, 0 if there was none.",
		func(s *sequences.Stats) float64 {
			if s.LastWritten.IsZero() {
				return 0
			}
			return float64(s.LastWritten.UnixMilli()) / 1000
		}),
}

var (
	modelInfo = newDesc("model_info", "The network that a model has now.", "model", "version", "fingerprint")
	modelOK   = newDesc("model_ready", "1 if the model can be used.", "model")
	batchSize = newDesc("batch_size", "Steps in a batch.", "model")
	places    = newDesc("sequences", "Sequences that there are, by where they are.", "model", "place")
	refused   = newDesc("refused_requests_total", "Requests of sequences that were refused, by the code.", "model", "code")
)

func (c modelCollector) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{modelInfo, modelOK, batchSize, places, refused} {
		all <- d
	}
	for _, m := range modelMetrics {
		all <- m.desc
	}
}

func (c modelCollector) Collect(all chan<- prometheus.Metric) {
	put := func(d *prometheus.Desc, t prometheus.ValueType, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, t, value, labels...)
	}
	for _, e := range c.models.Index() {
		value := 0.0
		if e.Ready {
			value = 1
		}
		put(modelOK, prometheus.GaugeValue, value, e.Name)
	}
	for _, m := range c.models.Models() {
		put(modelInfo, prometheus.GaugeValue, 1, m.Name, m.Version, m.Network().Fingerprint().String())
		if m.Stream == nil {
			continue
		}
		stats := m.Stream.Stats()
		for _, metric := range modelMetrics {
			put(metric.desc, metric.kind, metric.value(&stats), m.Name)
		}
		put(places, prometheus.GaugeValue, float64(stats.Live), m.Name, "live")
		put(places, prometheus.GaugeValue, float64(stats.Sequences-stats.Live), m.Name, "stored")
		for code, n := range stats.Refused {
			if n > 0 {
				put(refused, prometheus.CounterValue, float64(n), m.Name, codes.Code(code).String())
			}
		}
		all <- batchSizes(stats.Batch.Sizes, m.Name)
	}
}

// batchSizes makes a histogram of sizes, of which sizes[i] batches had i + 1 steps, with a
// bucket for each power of two.
func batchSizes(sizes []uint64, model string) prometheus.Metric {
	buckets := make(map[float64]uint64)
	var batches, steps uint64
	bound := 1
	for i, n := range sizes {
		batches += n
		steps += uint64(i+1) * n
		if i+1 == bound {
			buckets[float64(bound)] = batches
			bound *= 2
		}
	}
	return prometheus.MustNewConstHistogram(batchSize, batches, float64(steps), buckets, model)
}
