package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"example.com/lstm"
)

// A Kind is what a figure measures. What one call does, its Work, is counted
// in multiplications and additions unless said otherwise.
type Kind string

// The kinds, by the names of the benchmarks in the root package.
const (
	Step          Kind = "Step"          // one step of one stream
	StepBatch     Kind = "StepBatch"     // one step of Batch streams
	Forward       Kind = "Forward"       // Steps steps of one stream
	ForwardBatch  Kind = "ForwardBatch"  // sequences of Batch streams, of up to Steps steps
	Sigmoid       Kind = "Sigmoid"       // N elements, the work
	Tanh          Kind = "Tanh"          // N elements, the work
	Load          Kind = "Load"          // loading what a step reads: bytes
	LoadRecurrent Kind = "LoadRecurrent" // loading what of it belongs to h: bytes
	FMA           Kind = "FMA"           // independent fused multiply-adds of vectors
	Clock         Kind = "Clock"         // cycles
)

// Unit is the unit of the work that a call does a nanosecond.
func (k Kind) Unit() string {
	switch k {
	case Sigmoid, Tanh:
		return "elements/ns"
	case Load, LoadRecurrent:
		return "GB/s"
	case Clock:
		return "GHz"
	}
	return "GFLOP/s"
}

// A Figure is how long one call of something takes.
type Figure struct {
	Kind    Kind   `json:"kind"`
	Input   int    `json:"input,omitempty"`
	Hidden  int    `json:"hidden,omitempty"`
	Batch   int    `json:"batch,omitempty"`
	Steps   int    `json:"steps,omitempty"`
	Lengths string `json:"lengths,omitempty"` // of the sequences of a ForwardBatch, one of Lengths
	N       int    `json:"n,omitempty"`
	Path    string `json:"path,omitempty"` // of this package
	Peer    string `json:"peer,omitempty"` // what else ran it, empty for this package

	// Of a Step or Forward in a run that measures variants, one of Variants.
	Variant Variant `json:"variant,omitempty"`
	// Of a Step, Forward or StepBatch beside other formats, one of Formats; empty for
	// float32 where others are not measured, or not of this kind.
	Weights Weights `json:"weights,omitempty"`

	Work   float64 `json:"work"`
	Min    float64 `json:"min_ns"`
	Median float64 `json:"median_ns"`
	Slices int     `json:"slices"` // that Min and Median are of
}

// What returns f without its times: two figures of the same thing have the same.
func (f Figure) What() Figure {
	f.Work, f.Min, f.Median, f.Slices = 0, 0, 0, 0
	return f
}

// Name is the name of a Go benchmark of the same thing.
func (f Figure) Name() string {
	var b strings.Builder
	b.WriteString(string(f.Kind))
	for _, size := range f.sizes() {
		if size.value != 0 {
			fmt.Fprintf(&b, "/%s=%d", size.key, size.value)
		}
	}
	if f.Lengths != "" {
		b.WriteString("/lengths=" + f.Lengths)
	}
	if f.Variant != "" {
		b.WriteString("/variant=" + string(f.Variant))
	}
	if f.Weights != "" {
		b.WriteString("/weights=" + string(f.Weights))
	}
	if f.Path != "" {
		b.WriteString("/path=" + f.Path)
	}
	if f.Peer != "" {
		b.WriteString("/peer=" + f.Peer)
	}
	return b.String()
}

// A size is one of the sizes of what a figure measures, 0 if it has none.
type size struct {
	key   string
	value int
}

func (f Figure) sizes() []size {
	return []size{{"input", f.Input}, {"hidden", f.Hidden}, {"batch", f.Batch}, {"steps", f.Steps}, {"n", f.N}}
}

// Rate is work a nanosecond: GFLOP/s, GB/s, GHz.
func (f Figure) Rate() float64 { return f.Work / f.Median }

// A Memory says what a network and its streams occupy, and what they cost to
// make.
type Memory struct {
	Input      int     `json:"input"`
	Hidden     int     `json:"hidden"`
	Parameters int     `json:"parameters"`
	Network    int     `json:"network_bytes"` // packed parameters
	Stream     int     `json:"stream_bytes"`  // a state
	NewAllocs  int     `json:"new_allocs"`
	NewBytes   int     `json:"new_bytes"`
	NewTime    float64 `json:"new_ns"`
	FirstStep  float64 `json:"first_step_ns"` // of a new network, its weights in no cache
	WarmStep   float64 `json:"warm_step_ns"`  // of the same network, a little later
}

// A Report is one run.
type Report struct {
	When     time.Time `json:"when"`
	Machine  Machine   `json:"machine"`
	Path     string    `json:"path"` // that lstm chooses here
	Versions []string  `json:"versions,omitempty"`
	Seconds  float64   `json:"seconds"`
	Figures  []Figure  `json:"figures"`
	Memory   []Memory  `json:"memory,omitempty"`
}

// NewReport begins the report of a run.
func NewReport() *Report {
	r := &Report{When: time.Now().Round(time.Second), Machine: ThisMachine(), Path: lstm.Path()}
	if revision := Revision(); revision != "" {
		r.Versions = append(r.Versions, "lstm "+revision)
	}
	return r
}

// Finish notes how long the run took.
func (r *Report) Finish() { r.Seconds = time.Since(r.When).Round(time.Second).Seconds() }

// Heading says where, when and with what the figures were measured.
func (r *Report) Heading() string {
	text := fmt.Sprintf("%s, %s, path %s, %.0f s", r.Machine, r.When.UTC().Format(time.DateOnly), r.Path, r.Seconds)
	if len(r.Versions) > 0 {
		text += "; " + strings.Join(r.Versions, ", ")
	}
	return text + "."
}

// Add adds the figures of candidates that have been measured, once those of a
// candidate that is in several groups.
func (r *Report) Add(groups [][]*Candidate) {
	added := map[*Candidate]bool{}
	for _, group := range groups {
		for _, c := range group {
			if !added[c] {
				added[c] = true
				r.Figures = append(r.Figures, c.Figure)
			}
		}
	}
}

// Find returns the figure of the same thing as what.
func (r *Report) Find(what Figure) (f Figure, ok bool) {
	i := slices.IndexFunc(r.Figures, func(f Figure) bool { return f.What() == what })
	if i < 0 {
		return Figure{}, false
	}
	return r.Figures[i], true
}

// values lists, in the order of the figures, the different values of a property
// of those that have it.
func values[T comparable](r *Report, property func(Figure) T) []T {
	var list []T
	var none T
	for _, f := range r.Figures {
		if v := property(f); v != none && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// Shapes lists the shapes of the layers that were measured.
func (r *Report) Shapes() []Shape {
	return values(r, func(f Figure) Shape { return Shape{f.Input, f.Hidden} })
}

// Paths lists the paths that were measured.
func (r *Report) Paths() []string { return values(r, func(f Figure) string { return f.Path }) }

// Peers lists the peers that were measured.
func (r *Report) Peers() []string { return values(r, func(f Figure) string { return f.Peer }) }

// Variants lists the variants that were measured.
func (r *Report) Variants() []Variant { return values(r, func(f Figure) Variant { return f.Variant }) }

// Batches lists the sizes of batches that were measured.
func (r *Report) Batches() []int { return values(r, func(f Figure) int { return f.Batch }) }

// Write writes r as JSON.
func (r *Report) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}

// Read reads what Write has written, and refuses what it cannot have.
func Read(r io.Reader) (*Report, error) {
	var report Report
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&report); err != nil {
		return nil, fmt.Errorf("not a report of this program: %w", err)
	}
	if err := report.check(); err != nil {
		return nil, fmt.Errorf("not a report of this program: %w", err)
	}
	return &report, nil
}
