package bench

import (
	"fmt"
	"math"
	"slices"

	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/units"
)

// Tables returns what r has figures for.
func (r *Report) Tables() []*Table {
	switch {
	case len(r.Variants()) > 0:
		return r.variantTables()
	case slices.Contains(r.Formats(), Float32):
		return r.formatTables()
	case len(r.Peers()) > 0:
		return r.peerTables()
	}
	return withRows([]*Table{
		r.machineTable(), r.stepTable(), r.formatsTable(), r.forwardTable(), r.batchTable(), r.sequencesTable(), r.activationTable(), r.memoryTable(),
	})
}

func withRows(tables []*Table) []*Table {
	return slices.DeleteFunc(tables, func(t *Table) bool { return len(t.Rows) == 0 })
}

// Rate is the rate of a figure, NaN if there is none.
func (r *Report) Rate(what Figure) float64 {
	if f, ok := r.Find(what); ok {
		return f.Rate()
	}
	return math.NaN()
}

// Median is the median of a figure, NaN if there is none.
func (r *Report) Median(what Figure) float64 {
	if f, ok := r.Find(what); ok {
		return f.Median
	}
	return math.NaN()
}

// withPeaks are the paths that have peaks.
func (r *Report) withPeaks() []string {
	return slices.DeleteFunc(r.Paths(), func(path string) bool {
		_, ok := r.Find(Figure{Kind: FMA, Path: path})
		return !ok
	})
}

// tiled are the paths that have kernels for several columns.
func (r *Report) tiled() []string {
	return slices.DeleteFunc(r.Paths(), dispatch.PureGo)
}

func (r *Report) machineTable() *Table {
	t := &Table{
		ID:    "machine",
		Title: "The machine",
		Note: "What limits the rest, measured in the same run: cycles a nanosecond, fused multiply-adds that wait for nothing, and " +
			"loads of as many bytes as the weights of each shape have.",
		Columns: append([]string{"peak", "unit"}, r.withPeaks()...),
	}
	if len(r.withPeaks()) == 0 {
		return t
	}
	clock := []string{"clock", Clock.Unit()}
	flops := []string{"multiply-adds", FMA.Unit()}
	for _, path := range r.withPeaks() {
		clock = append(clock, units.Digits(r.Rate(Figure{Kind: Clock})))
		flops = append(flops, units.Digits(r.Rate(Figure{Kind: FMA, Path: path})))
	}
	t.Rows = append(t.Rows, clock, flops)
	for _, s := range r.Shapes() {
		row := []string{"loads of " + units.Bytes(s.WeightBytes()), Load.Unit()}
		for _, path := range r.withPeaks() {
			row = append(row, units.Digits(r.Rate(s.Of(Load, path))))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (r *Report) stepTable() *Table {
	t := &Table{
		ID:      "step",
		Title:   "One stream, one step a call",
		Note:    "Median time of a step, and as a multiple of the time that loading the weights takes.",
		Columns: []string{"I, H", "weights"},
	}
	for _, path := range r.Paths() {
		t.Columns = append(t.Columns, path)
		if slices.Contains(r.withPeaks(), path) {
			t.Columns = append(t.Columns, "/ loads")
		}
	}
	for _, s := range r.Shapes() {
		row := []string{s.String(), units.Bytes(s.WeightBytes())}
		for _, path := range r.Paths() {
			took := r.Median(s.Of(Step, path))
			row = append(row, units.Duration(took))
			if slices.Contains(r.withPeaks(), path) {
				row = append(row, factor(took/r.Median(s.Of(Load, path))))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// ForwardPeak is the time that a step of a sequence cannot do without: the
// inputs' part at the peak of multiply-adds, and the loads of the recurrent
// weights.
func (r *Report) ForwardPeak(s Shape, path string) float64 {
	return s.InputFLOPs()/r.Rate(Figure{Kind: FMA, Path: path}) + r.Median(s.Of(LoadRecurrent, path))
}

func (r *Report) forwardTable() *Table {
	t := &Table{
		ID:    "forward",
		Title: fmt.Sprintf("One stream, %d steps a call", SequenceSteps),
		Note: "Median time of a step, and as a multiple of its peak: the inputs' multiplications at the peak of multiply-adds and " +
			"loading the recurrent weights once a step.",
		Columns: []string{"I, H"},
	}
	for _, path := range r.tiled() {
		t.Columns = append(t.Columns, path, "/ peak")
	}
	for _, s := range r.Shapes() {
		row := []string{s.String()}
		for _, path := range r.tiled() {
			what := s.Of(Forward, path)
			what.Steps = SequenceSteps
			step := r.Median(what) / SequenceSteps
			row = append(row, units.Duration(step), factor(step/r.ForwardPeak(s, path)))
		}
		if len(r.tiled()) > 0 {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func (r *Report) batchTable() *Table {
	t := &Table{
		ID:    "batches",
		Title: "Batches",
		Note: "GFLOP/s of a step of 8, 32 and 128 streams, counting the multiplications and additions of the gates' products alone, and " +
			"as a part of the peak of multiply-adds.",
		Columns: []string{"I, H"},
	}
	for _, path := range r.tiled() {
		for _, batch := range r.Batches() {
			t.Columns = append(t.Columns, fmt.Sprintf("%s, %d", path, batch))
		}
	}
	for _, s := range r.Shapes() {
		row := []string{s.String()}
		for _, path := range r.tiled() {
			for _, batch := range r.Batches() {
				what := s.Of(StepBatch, path)
				what.Batch = batch
				rate := r.Rate(what)
				row = append(row, fmt.Sprintf("%s (%s)", units.Digits(rate), percent(rate/r.Rate(Figure{Kind: FMA, Path: path}))))
			}
		}
		if len(row) > 1 {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func (r *Report) sequencesTable() *Table {
	t := &Table{
		ID:    "sequences",
		Title: fmt.Sprintf("Sequences of %d streams a call", SequenceStreams),
		Note: fmt.Sprintf("GFLOP/s of %d steps of each stream, counted as for batches, and as a part of the peak of multiply-adds; then the time of a "+
			"step where lengths are spread evenly from 1 to %d, as a multiple of that.", SequenceSteps, SequenceSteps),
		Columns: []string{"I, H"},
	}
	for _, path := range r.tiled() {
		t.Columns = append(t.Columns, path, "even / equal")
	}
	for _, s := range r.Shapes() {
		row, measured := []string{s.String()}, false
		for _, path := range r.tiled() {
			what := s.Of(ForwardBatch, path)
			what.Batch, what.Steps, what.Lengths = SequenceStreams, SequenceSteps, EqualLengths
			equal := r.Rate(what)
			what.Lengths = EvenLengths
			even := r.Rate(what)
			measured = measured || !math.IsNaN(equal)
			row = append(row, fmt.Sprintf("%s (%s)", units.Digits(equal), percent(equal/r.Rate(Figure{Kind: FMA, Path: path}))), factor(equal/even))
		}
		if measured {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func (r *Report) activationTable() *Table {
	t := &Table{
		ID:      "activations",
		Title:   "Activations",
		Note:    fmt.Sprintf("Median time for an element of %d, and cycles for a vector.", Elements),
		Columns: []string{"function"},
	}
	for _, path := range r.Paths() {
		t.Columns = append(t.Columns, path, "cycles")
	}
	for _, kind := range []Kind{Sigmoid, Tanh} {
		row, measured := []string{string(kind)}, false
		for _, path := range r.Paths() {
			f, ok := r.Find(Figure{Kind: kind, N: Elements, Path: path})
			if !ok {
				row = append(row, units.Absent, units.Absent)
				continue
			}
			measured = true
			element := f.Median / f.Work
			row = append(row, fmt.Sprintf("%.3f ns", element), units.Digits(element*lanes(path)*r.Rate(Figure{Kind: Clock})))
		}
		if measured {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func (r *Report) memoryTable() *Table {
	t := &Table{
		ID:    "memory",
		Title: "Memory and beginnings",
		Note: "What a network holds and how much of it is not its weights and biases, what each stream holds, what New allocates and " +
			"takes, and its first step, with the caches full of other things, beside a later one; both timed singly, on the best path.",
		Columns: []string{"I, H", "network", "beside weights", "stream", "New allocates", "in", "New takes", "first step", "later"},
	}
	for _, m := range r.Memory {
		weights := 4 * m.Parameters
		t.Rows = append(t.Rows, []string{
			Shape{m.Input, m.Hidden}.String(),
			units.Bytes(m.Network), fmt.Sprintf("%+.1f %%", 100*(float64(m.Network)/float64(weights)-1)),
			units.Bytes(m.Stream), units.Bytes(m.NewBytes), fmt.Sprintf("%d objects", m.NewAllocs),
			units.Duration(m.NewTime), units.Duration(m.FirstStep), units.Duration(m.WarmStep),
		})
	}
	return t
}

// lanes are the floats in a vector of a path, NaN if this program does not know it.
func lanes(path string) float64 {
	for _, d := range dispatch.All {
		if d.Name == path {
			return float64(d.Lanes)
		}
	}
	return math.NaN()
}

// A mode is one way to call a network that peers are compared in.
type mode struct {
	id      string
	title   string
	kind    Kind
	batch   int
	steps   int
	lengths string
	// what the time of a call is divided by
	parts int
	unit  string
}

func (r *Report) peerTables() []*Table {
	modes := []mode{
		{id: "peers-step", title: "one stream, one step a call", kind: Step, parts: 1, unit: "a step"},
		{id: "peers-forward", title: fmt.Sprintf("one stream, %d steps a call", SequenceSteps), kind: Forward,
			steps: SequenceSteps, parts: SequenceSteps, unit: "a step"},
	}
	for _, batch := range r.Batches() {
		modes = append(modes, mode{id: fmt.Sprintf("peers-batch-%d", batch), title: fmt.Sprintf("batches of %d", batch),
			kind: StepBatch, batch: batch, parts: batch, unit: "a step of one of the streams"})
	}
	for _, lengths := range Lengths {
		how := map[string]string{EqualLengths: "%d steps each", EvenLengths: "1 to %d steps each, spread evenly"}[lengths]
		steps := 0
		for _, length := range SequenceLengths(lengths, SequenceSteps, SequenceStreams) {
			steps += length
		}
		modes = append(modes, mode{id: "peers-sequences-" + lengths,
			title: fmt.Sprintf("sequences of %d streams a call, ", SequenceStreams) + fmt.Sprintf(how, SequenceSteps),
			kind:  ForwardBatch, batch: SequenceStreams, steps: SequenceSteps, lengths: lengths, parts: steps, unit: "a step of one of the streams"})
	}
	var tables []*Table
	for _, m := range modes {
		tables = append(tables, r.peerTable(m))
	}
	return withRows(tables)
}

// figure is what a mode's time is called at a shape, without path or peer.
func (m mode) figure(s Shape) Figure {
	return Figure{Kind: m.kind, Input: s.Input, Hidden: s.Hidden, Batch: m.batch, Steps: m.steps, Lengths: m.lengths}
}

// peerTable has the peers and the shapes that were measured in a mode.
func (r *Report) peerTable(m mode) *Table {
	var peers []string
	var shapes []Shape
	for _, f := range r.Figures {
		s := Shape{f.Input, f.Hidden}
		if what := f.What(); f.Peer != "" && what == ofPeer(m.figure(s), f.Peer) {
			if !slices.Contains(peers, f.Peer) {
				peers = append(peers, f.Peer)
			}
			if !slices.Contains(shapes, s) {
				shapes = append(shapes, s)
			}
		}
	}
	t := &Table{
		ID:    m.id,
		Title: "Peers, " + m.title,
		Note: fmt.Sprintf("Median time of %s, one thread each, measured alternately; after each peer its time as a multiple of lstm's; "+
			"last, the multiple of the fastest peer.", m.unit),
		Columns: []string{"I, H", "lstm"},
	}
	for _, peer := range peers {
		t.Columns = append(t.Columns, peer, "/ lstm")
	}
	t.Columns = append(t.Columns, "fastest peer / lstm")
	product, measured := 1.0, 0
	for _, s := range shapes {
		ours := m.figure(s)
		ours.Path = r.Path
		took := r.Median(ours)
		row := []string{s.String(), units.Duration(took / float64(m.parts))}
		fastest := math.Inf(1)
		for _, peer := range peers {
			peerTook := r.Median(ofPeer(m.figure(s), peer))
			row = append(row, units.Duration(peerTook/float64(m.parts)), factor(peerTook/took))
			fastest = math.Min(fastest, nanIsInf(peerTook))
		}
		t.Rows = append(t.Rows, append(row, factor(fastest/took)))
		if ratio := fastest / took; !math.IsNaN(ratio) && !math.IsInf(ratio, 0) {
			product *= ratio
			measured++
		}
	}
	if len(t.Rows) == 0 {
		return t
	}
	mean := make([]string, len(t.Columns))
	mean[0] = "geometric mean"
	mean[len(mean)-1] = factor(math.Pow(product, 1/float64(measured)))
	t.Rows = append(t.Rows, mean)
	return t
}

func ofPeer(f Figure, peer string) Figure {
	f.Peer = peer
	return f
}

func nanIsInf(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}
