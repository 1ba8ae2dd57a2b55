package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// someReport has a figure of every kind that the tables show, in round numbers.
func someReport() *Report {
	r := &Report{
		When:     time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		Machine:  Machine{CPU: "a processor", System: "linux/amd64", Go: "go1.26"},
		Path:     "avx2",
		Versions: []string{"lstm commit 123"},
		Seconds:  60,
		Memory: []Memory{{
			Input: 1, Hidden: 8, Parameters: 320, Network: 1408, Stream: 200,
			NewAllocs: 10, NewBytes: 2048, NewTime: 12_000, FirstStep: 2300, WarmStep: 95.4,
		}},
	}
	s := Shape{1, 8}
	add := func(f Figure, work, median float64) {
		f.Work, f.Median, f.Min, f.Slices = work, median, median*0.9, 100
		r.Figures = append(r.Figures, f)
	}
	add(Figure{Kind: Clock}, 16000, 4000)
	add(Figure{Kind: FMA, Path: "avx2"}, 192000, 2000)
	add(Figure{Kind: Sigmoid, N: Elements, Path: "avx2"}, Elements, 2048)
	add(Figure{Kind: Tanh, N: Elements, Path: "avx2"}, Elements, 1024)
	add(s.Of(Load, "avx2"), float64(s.WeightBytes()), 10)
	add(s.Of(LoadRecurrent, "avx2"), float64(s.RecurrentBytes()), 9)
	add(s.Of(Step, "generic"), s.FLOPs(), 2900)
	add(s.Of(Step, "avx2"), s.FLOPs(), 50)
	forward := s.Of(Forward, "avx2")
	forward.Steps = SequenceSteps
	add(forward, SequenceSteps*s.FLOPs(), 4000)
	for _, batch := range Batches {
		f := s.Of(StepBatch, "avx2")
		f.Batch = batch
		add(f, float64(batch)*s.FLOPs(), 12*float64(batch))
	}
	sequences := s.Of(ForwardBatch, "avx2")
	sequences.Batch, sequences.Steps, sequences.Lengths = SequenceStreams, SequenceSteps, EqualLengths
	add(sequences, 1000*s.FLOPs(), 12_000)
	sequences.Lengths = EvenLengths
	add(sequences, 1000*s.FLOPs(), 12_600)
	return r
}

func TestReportRoundTrip(t *testing.T) {
	want := someReport()
	var file bytes.Buffer
	require.NoError(t, want.Write(&file))
	got, err := Read(&file)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestReadRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":         "",
		"no JSON":         "BenchmarkStep 1 2 ns/op",
		"another program": `{"figures": [], "colour": "red"}`,
		"no figures":      "{}",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(strings.NewReader(text))
			require.ErrorContains(t, err, "not a report of this program")
		})
	}
}

// What no run leaves behind is an error, and no panic of a table or a chart.
func TestReadRefusesOddFigures(t *testing.T) {
	for want, change := range map[string]func(*Report){
		"figure 1, Clock: median_ns is 0 ns":                            func(r *Report) { r.Figures[0].Median = 0 },
		"figure 1, Clock: min_ns is -1 ns":                              func(r *Report) { r.Figures[0].Min = -1 },
		"figure 1, Clock: median_ns is 1e+300 ns":                       func(r *Report) { r.Figures[0].Median = 1e300 },
		"figure 1, Clock: work is 0":                                    func(r *Report) { r.Figures[0].Work = 0 },
		`figure 1, kind is "Jump"`:                                      func(r *Report) { r.Figures[0].Kind = "Jump" },
		"figure 1, Clock/batch=3: batch is 3, want none":                func(r *Report) { r.Figures[0].Batch = 3 },
		`Clock/lengths=odd: lengths are "odd", want one of`:             func(r *Report) { r.Figures[0].Lengths = "odd" },
		`Clock/lengths=even: lengths are "even", want one of`:           func(r *Report) { r.Figures[0].Lengths = EvenLengths },
		`path=avx2: lengths are "", want one of`:                        func(r *Report) { r.Figures[len(r.Figures)-1].Lengths = "" },
		`variant=odd: variant is "odd", want one of`:                    func(r *Report) { r.Figures[0].Variant = "odd" },
		`variant=relu: variant is "relu", want one of`:                  func(r *Report) { r.Figures[0].Variant = ReLU },
		`weights=odd: weights are "odd", want one of`:                   func(r *Report) { r.Figures[0].Weights = "odd" },
		`weights=int8: weights are "int8", want one of`:                 func(r *Report) { r.Figures[0].Weights = Int8 },
		"hidden is 0, want 1 to":                                        func(r *Report) { r.Figures[7].Hidden = 0 },
		"input is -5, want 1 to":                                        func(r *Report) { r.Figures[7].Input = -5 },
		"the weights have 8.796101410816e+12 bytes, want at most 2 GiB": func(r *Report) { r.Figures[7].Hidden, r.Figures[7].Input = 1<<19, 1<<19 },
		`"avx\n2" is a text that cannot be shown`:                       func(r *Report) { r.Figures[7].Path = "avx\n2" },
		`"\x1b[2J" is a text that cannot be shown`:                      func(r *Report) { r.Versions = []string{"\x1b[2J"} },
		"seconds is -1e+09 ns":                                          func(r *Report) { r.Seconds = -1 },
		"memory 1, parameters is 0, want 1 to":                          func(r *Report) { r.Memory[0].Parameters = 0 },
		"memory 1, new_ns is -1 ns":                                     func(r *Report) { r.Memory[0].NewTime = -1 },
		"2015 figures, want at most 2000":                               func(r *Report) { r.Figures = append(r.Figures, make([]Figure, 2001)...) },
		"101 shapes, want at most 100":                                  func(r *Report) { addShapes(r, 100) },
		"no figures":                                                    func(r *Report) { r.Figures = nil },
	} {
		t.Run(want, func(t *testing.T) {
			r := someReport()
			change(r)
			var file bytes.Buffer
			require.NoError(t, r.Write(&file))
			_, err := Read(&file)
			require.ErrorContains(t, err, "not a report of this program: ")
			require.ErrorContains(t, err, want)
		})
	}
}

// addShapes adds figures of n more shapes.
func addShapes(r *Report, n int) {
	for i := range n {
		f := r.Figures[7]
		f.Input += i + 1
		r.Figures = append(r.Figures, f)
	}
}

func TestNames(t *testing.T) {
	for want, f := range map[string]Figure{
		"Step/input=16/hidden=32/path=avx2":              {Kind: Step, Input: 16, Hidden: 32, Path: "avx2", Median: 7},
		"StepBatch/input=16/hidden=32/batch=8/path=neon": {Kind: StepBatch, Input: 16, Hidden: 32, Batch: 8, Path: "neon"},
		"Forward/input=1/hidden=8/steps=100/peer=Gonum":  {Kind: Forward, Input: 1, Hidden: 8, Steps: 100, Peer: "Gonum"},
		"ForwardBatch/input=1/hidden=8/batch=32/steps=100/lengths=even/path=avx2": {Kind: ForwardBatch, Input: 1, Hidden: 8, Batch: 32,
			Steps: 100, Lengths: EvenLengths, Path: "avx2"},
		"Step/input=1/hidden=8/variant=relu/path=avx2": {Kind: Step, Input: 1, Hidden: 8, Variant: ReLU, Path: "avx2"},
		"Step/input=1/hidden=8/weights=int8/path=avx2": {Kind: Step, Input: 1, Hidden: 8, Weights: Int8, Path: "avx2"},
		"Sigmoid/n=4096/path=generic":                  {Kind: Sigmoid, N: 4096, Path: "generic"},
		"Clock":                                        {Kind: Clock},
	} {
		require.Equal(t, want, f.Name())
	}
}

// A candidate that is in several groups has one figure.
func TestAddOnce(t *testing.T) {
	peak, a, b := &Candidate{Figure: Figure{Kind: Clock}}, &Candidate{}, &Candidate{}
	r := &Report{}
	r.Add([][]*Candidate{{peak, a}, {peak, b}})
	require.Len(t, r.Figures, 3)
}

func TestCPUName(t *testing.T) {
	const amd64 = "processor\t: 0\nvendor_id\t: X\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: A Processor\n\nprocessor\t: 1\nmodel\t\t: 3\n"
	require.Equal(t, "A Processor (family 26, model 2)", cpuName([]byte(amd64)))
	const arm64 = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"
	require.Equal(t, "Arm implementer 0x41, part 0xd40", cpuName([]byte(arm64)))
	require.Equal(t, "unknown CPU", cpuName(nil))
}
