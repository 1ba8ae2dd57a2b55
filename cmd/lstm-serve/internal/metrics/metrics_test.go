package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/infer"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
	"example.com/lstm/cmd/lstm-serve/internal/serving"
)

// newSource has two models, of which "whole" reads whole sequences only.
func newSource(t *testing.T) (*Source, *infer.Server) {
	layer := func(seed uint64) *lstm.Weights { return lstm.RandomModel(seed, 0, 2, 4).Layers[0].(*lstm.Weights) }
	whole, err := lstm.NewSequenceNetwork(&lstm.Model{Layers: []lstm.Layer{&lstm.Bidirectional{Forward: layer(1), Backward: layer(2)}}})
	require.NoError(t, err)
	n, err := lstm.New(lstm.RandomModel(1, 1, 2, 4))
	require.NoError(t, err)
	s, err := sequences.New(n, &sequences.Options{Workers: 1, BatchSize: 6})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close(context.Background()) })
	models := repository.New(&repository.Model{Name: "a", Version: "1", Stream: s}, &repository.Model{Name: "whole", Version: "1", Whole: whole})
	all := infer.New(models, nil)
	log := slog.New(slog.DiscardHandler)
	return &Source{
		Version: "v1.2.3", Models: models, Ready: all.Ready,
		Infer: map[string]*infer.Server{"rest": all.Part(), "grpc": all.Part()},
		Calls: serving.NewCalls(log), Panics: serving.NewPanics(log),
	}, all
}

// page is what Prometheus reads: all values by name and labels, sorted, as in the text.
func page(t *testing.T, s *Source) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	Handler(s, slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	require.NoError(t, err)
	return families
}

// value is that of the metric with those labels, which must be there.
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	require.Contains(t, families, prefix+name)
search:
	for _, m := range families[prefix+name].Metric {
		found := map[string]string{}
		for _, l := range m.Label {
			found[l.GetName()] = l.GetValue()
		}
		for i := 0; i < len(labels); i += 2 {
			if found[labels[i]] != labels[i+1] {
				continue search
			}
		}
		return m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	require.Fail(t, "no such metric", "%s %v", name, labels)
	return 0
}

func TestMetrics(t *testing.T) {
	s, _ := newSource(t)
	do := func(protocol string, r infer.Request) {
		done := make(chan struct{})
		s.Infer[protocol].Infer(t.Context(), &r, func(*infer.Response, error) { close(done) })
		<-done
	}
	input := func(steps int) []infer.Tensor {
		return []infer.Tensor{{Name: "input", Datatype: "FP32", Shape: []int64{int64(steps), 2}, Data: make([]float32, 2*steps)}}
	}
	do("rest", infer.Request{Model: "a", Inputs: input(3), Sequence: infer.Sequence{ID: "1", Start: true, Step: 1}})
	do("grpc", infer.Request{Model: "a", Inputs: input(3), Sequence: infer.Sequence{ID: "1", Start: true, Step: 1}})
	do("grpc", infer.Request{Model: "a", Inputs: input(1), Sequence: infer.Sequence{ID: "2", Start: true}})
	do("grpc", infer.Request{Model: "a", Inputs: input(1), Sequence: infer.Sequence{ID: "2", End: true}})
	do("grpc", infer.Request{Model: "a", Inputs: input(1), Sequence: infer.Sequence{ID: "3"}})
	do("rest", infer.Request{Model: "whole", Inputs: input(2)})
	do("rest", infer.Request{Model: "other"})
	s.Calls.Unary(t.Context(), nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) {
		return nil, status.Error(codes.Unauthenticated, "")
	})
	s.Calls.Handler(s.Panics.Handler(nil)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))

	p := page(t, s)
	for _, c := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{1, "build_info", []string{"version", "v1.2.3", "contract", "2", "path", lstm.Path()}},
		{1, "ready", nil},
		{1, "panics_total", nil},
		{1, "http_requests_total", []string{"status", "500"}},
		{1, "grpc_calls_total", []string{"code", "Unauthenticated"}},
		{2, "inference_requests_total", []string{"protocol", "rest", "code", "OK"}},
		{1, "inference_requests_total", []string{"protocol", "rest", "code", "NotFound"}},
		{3, "inference_requests_total", []string{"protocol", "grpc", "code", "OK"}},
		{1, "inference_requests_total", []string{"protocol", "grpc", "code", "NotFound"}},
		{3, "inference_duration_seconds", []string{"protocol", "rest"}},
		{4, "inference_duration_seconds", []string{"protocol", "grpc"}},
		{1, "model_ready", []string{"model", "a"}},
		{1, "model_ready", []string{"model", "whole"}},
		{1, "model_info", []string{"model", "a", "version", "1", "fingerprint", s.Models.Models()[0].Network().Fingerprint().String()}},
		{5, "steps_total", []string{"model", "a"}},
		{5, "batch_size", []string{"model", "a"}},
		{1, "repeated_answers_total", []string{"model", "a"}},
		{2, "sequences_started_total", []string{"model", "a"}},
		{1, "sequences_ended_total", []string{"model", "a"}},
		{1, "sequences", []string{"model", "a", "place", "live"}},
		{0, "waiting_requests", []string{"model", "a"}},
		{1, "refused_requests_total", []string{"model", "a", "code", "NotFound"}},
	} {
		require.Equal(t, c.want, value(t, p, c.name, c.labels...), "%s %v", c.name, c.labels)
	}
	require.Contains(t, p, "go_goroutines")

	s.Ready = func() error { return errors.New("no") }
	require.Zero(t, value(t, page(t, s), "ready"))
}

// Names and units are as Prometheus wants them.
func TestNames(t *testing.T) {
	s, _ := newSource(t)
	families, err := NewRegistry(s).Gather()
	require.NoError(t, err)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestBatchSizes(t *testing.T) {
	var m dto.Metric
	require.NoError(t, batchSizes([]uint64{5, 4, 3, 2, 1, 7}, "a").Write(&m))
	h := m.GetHistogram()
	require.Equal(t, uint64(22), h.GetSampleCount())
	require.Equal(t, float64(5+2*4+3*3+4*2+5+6*7), h.GetSampleSum())
	counts := map[float64]uint64{}
	for _, b := range h.Bucket {
		counts[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	require.Equal(t, map[float64]uint64{1: 5, 2: 9, 4: 14}, counts)
}
