package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"example.com/lstm/internal/panel"
)

// What a report may have at most: more than any run measures, and no more than
// tables and charts can show.
const (
	mostFigures = 2000
	mostShapes  = 100
	mostBatches = 20
	mostOthers  = 20 // paths, peers, and versions of programs
	mostText    = 200
	mostSize    = 1 << 20
)

// Times in nanoseconds, from less than a cycle to days, and work.
const (
	shortestTime = 1e-3
	longestTime  = 1e15
	mostWork     = 1e18
)

// check returns an error for a report that no measurement leaves behind, so that
// tables and charts need not expect one.
func (r *Report) check() error {
	switch {
	case len(r.Figures) == 0:
		return fmt.Errorf("no figures")
	case len(r.Figures) > mostFigures:
		return fmt.Errorf("%d figures, want at most %d", len(r.Figures), mostFigures)
	}
	if err := checkTime("seconds", r.Seconds*1e9, 0); err != nil {
		return err
	}
	for _, text := range append([]string{r.Path, r.Machine.CPU, r.Machine.System, r.Machine.Go}, r.Versions...) {
		if err := checkText(text); err != nil {
			return err
		}
	}
	for i, f := range r.Figures {
		if err := f.check(); err != nil {
			return fmt.Errorf("figure %d, %w", i+1, err)
		}
	}
	for i, m := range r.Memory {
		if err := m.check(); err != nil {
			return fmt.Errorf("memory %d, %w", i+1, err)
		}
	}
	for _, list := range []struct {
		name      string
		len, most int
	}{
		{"shapes", len(r.Shapes()), mostShapes}, {"sizes of batches", len(r.Batches()), mostBatches},
		{"memory", len(r.Memory), mostShapes}, {"paths", len(r.Paths()), mostOthers},
		{"peers", len(r.Peers()), mostOthers}, {"versions", len(r.Versions), mostOthers},
	} {
		if list.len > list.most {
			return fmt.Errorf("%d %s, want at most %d", list.len, list.name, list.most)
		}
	}
	return nil
}

// kindSizes are the sizes that a figure of each kind has.
var kindSizes = map[Kind][]string{
	Step: {"input", "hidden"}, StepBatch: {"input", "hidden", "batch"}, Forward: {"input", "hidden", "steps"},
	ForwardBatch: {"input", "hidden", "batch", "steps"},
	Sigmoid:      {"n"}, Tanh: {"n"},
	Load: {"input", "hidden"}, LoadRecurrent: {"input", "hidden"},
	FMA: nil, Clock: nil,
}

func (f Figure) check() error {
	for _, text := range []string{string(f.Kind), f.Path, f.Peer} {
		if err := checkText(text); err != nil {
			return err
		}
	}
	wanted, ok := kindSizes[f.Kind]
	if !ok {
		return fmt.Errorf("kind is %q, want one that is measured here", f.Kind)
	}
	for _, size := range f.sizes() {
		switch has := slices.Contains(wanted, size.key); {
		case has && (size.value < 1 || size.value > mostSize):
			return fmt.Errorf("%s: %s is %d, want 1 to %d", f.Name(), size.key, size.value, mostSize)
		case !has && size.value != 0:
			return fmt.Errorf("%s: %s is %d, want none", f.Name(), size.key, size.value)
		}
	}
	if has := f.Kind == ForwardBatch; has && !slices.Contains(Lengths, f.Lengths) || !has && f.Lengths != "" {
		return fmt.Errorf("%s: lengths are %q, want one of %q for %s, and none for other kinds", f.Name(), f.Lengths, Lengths, ForwardBatch)
	}
	if f.Variant != "" && (f.Kind != Step && f.Kind != Forward || !slices.Contains(Variants, f.Variant)) {
		return fmt.Errorf("%s: variant is %q, want one of %q for %s and %s, and none for other kinds", f.Name(), f.Variant, Variants, Step, Forward)
	}
	if f.Weights != "" && (f.Kind != Step && f.Kind != Forward && f.Kind != StepBatch || !slices.Contains(Formats, f.Weights)) {
		return fmt.Errorf("%s: weights are %q, want one of %q for %s, %s and %s, and none for other kinds", f.Name(), f.Weights, Formats, Step, Forward, StepBatch)
	}
	if err := (Shape{f.Input, f.Hidden}).check(); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	if !(f.Work > 0 && f.Work <= mostWork) {
		return fmt.Errorf("%s: work is %g, want more than 0, at most %g", f.Name(), f.Work, mostWork)
	}
	for _, time := range []struct {
		name string
		ns   float64
	}{{"min_ns", f.Min}, {"median_ns", f.Median}} {
		if err := checkTime(time.name, time.ns, shortestTime); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return nil
}

// check sees to it that the bytes of the weights can be counted, in an int of 32
// bits too.
func (s Shape) check() error {
	if bytes := 4 * panel.Gates * float64(panel.PaddedUnits(s.Hidden)) * float64(1+s.Input+s.Hidden); bytes > math.MaxInt32 {
		return fmt.Errorf("the weights have %g bytes, want at most 2 GiB", bytes)
	}
	return nil
}

func (m Memory) check() error {
	for _, count := range []struct {
		name            string
		value, from, to int
	}{
		{"input", m.Input, 1, mostSize}, {"hidden", m.Hidden, 1, mostSize}, {"parameters", m.Parameters, 1, math.MaxInt32 / 4},
		{"network_bytes", m.Network, 0, math.MaxInt32}, {"stream_bytes", m.Stream, 0, math.MaxInt32},
		{"new_allocs", m.NewAllocs, 0, math.MaxInt32}, {"new_bytes", m.NewBytes, 0, math.MaxInt32},
	} {
		if count.value < count.from || count.value > count.to {
			return fmt.Errorf("%s is %d, want %d to %d", count.name, count.value, count.from, count.to)
		}
	}
	for _, time := range []struct {
		name string
		ns   float64
	}{{"new_ns", m.NewTime}, {"first_step_ns", m.FirstStep}, {"warm_step_ns", m.WarmStep}} {
		if err := checkTime(time.name, time.ns, 0); err != nil {
			return err
		}
	}
	return nil
}

func checkTime(name string, ns, from float64) error {
	if !(ns >= from && ns <= longestTime) {
		return fmt.Errorf("%s is %g ns, want %g to %g", name, ns, from, longestTime)
	}
	return nil
}

// checkText sees to it that text can be shown in a line of a terminal or a page.
func checkText(text string) error {
	if len(text) > mostText || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%.100q is a text that cannot be shown, want at most %d bytes, all of them printable", text, mostText)
	}
	return nil
}
