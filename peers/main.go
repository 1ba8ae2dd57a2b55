// Command peers measures lstm beside what else runs LSTM networks from Go: ONNX
// Runtime, oneDNN, Go's experimental simd/archsimd, Gonum and a plain loop. All of them have the same weights and
// inputs and one thread, and alternate in one run; their answers are compared
// first. The script run beside it installs what it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
	"example.com/lstm/internal/dispatch"
)

func main() {
	total := flag.Duration("time", 4*time.Minute, "measure for about this long")
	json := flag.String("json", "", "write the figures to this file")
	path := flag.String("path", lstm.Path(), "lstm takes this `PATH`")
	sequences := flag.Bool("sequences", false, "measure sequences of many streams, and nothing else")
	variants := flag.Bool("variants", false, "measure layers that are not PyTorch's nn.LSTM, and nothing else")
	formats := flag.Bool("formats", false, "compare formats of weights, also with peers that have int8 ones, and nothing else")
	library := flag.String("onnxruntime", "", "the shared library of ONNX Runtime")
	flag.Parse()
	err := dispatch.Set(*path)
	chosen := 0
	for _, flag := range []bool{*sequences, *variants, *formats} {
		if flag {
			chosen++
		}
	}
	if err == nil && chosen > 1 {
		err = errors.New("-sequences, -variants and -formats are runs of their own, want one of them")
	}
	if err == nil {
		err = run(*total, *json, *library, *sequences, *variants, *formats)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(total time.Duration, json, library string, sequences, variants, formats bool) error {
	// With one thread of Go's own, the scheduler would take the processor from a
	// call into C that takes long, for nobody, and the call would have to wait
	// for it when it returns. The script pins all threads to one core.
	runtime.GOMAXPROCS(2)

	report := bench.NewReport()
	var groups [][]*bench.Candidate
	var err error
	worst := map[peer]float64{}
	var peers []peer
	switch {
	case variants:
		peers = variantPeers(openPeers(library))
		groups, err = variantGroups(peers, worst)
	case formats:
		peers = openInt8Peers(library)
		groups, err = formatGroups(peers, worst)
	default:
		peers = openPeers(library)
		groups, err = shapeGroups(peers, sequences, worst)
	}
	if err != nil {
		return err
	}
	for _, p := range peers {
		fmt.Printf("%s %s: answers within %.2g of lstm's\n", p.name(), p.version(), worst[p])
		report.Versions = append(report.Versions, p.name()+" "+p.version())
	}

	bar := progressbar.NewOptions(1,
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))),
		progressbar.OptionSetDescription("measuring"),
		progressbar.OptionClearOnFinish(),
	)
	err = bench.Measure(context.Background(), groups, total, func(done, iterations int) {
		bar.ChangeMax(iterations)
		_ = bar.Set(done) // a terminal that is gone is no reason to stop
	})
	if err != nil {
		return err
	}
	report.Add(groups)
	report.Finish()
	if json != "" {
		if err := writeReport(json, report); err != nil {
			return err
		}
	}
	fmt.Println(report.Heading())
	for _, t := range report.Tables() {
		if err := t.WriteText(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

// openPeers returns the peers that can run here, and says which cannot.
func openPeers(library string) []peer {
	var list peerList
	p, err := openONNXRuntime(library, false)
	list.add("ONNX Runtime", p, err)
	p, err = openOneDNN(false)
	list.add("oneDNN", p, err)
	p, err = openArchSIMD()
	list.add("archsimd", p, err)
	return append(list, gonum{}, plain{})
}

// openInt8Peers returns those that have int8 weights.
func openInt8Peers(library string) []peer {
	var list peerList
	p, err := openONNXRuntime(library, true)
	list.add("ONNX Runtime", p, err)
	p, err = openOneDNN(true)
	list.add("oneDNN", p, err)
	return list
}

type peerList []peer

// add adds a peer, or says why there is none of that name.
func (l *peerList) add(name string, p peer, err error) {
	if err != nil {
		fmt.Printf("%s is MISSING: %s\n", name, err)
		return
	}
	*l = append(*l, p)
}

// shapeGroups are the groups of a run of PyTorch's nn.LSTM, of sequences of many
// streams or of all else: a group for each shape.
func shapeGroups(peers []peer, sequences bool, worst map[peer]float64) ([][]*bench.Candidate, error) {
	var groups [][]*bench.Candidate
	common := bench.Peaks([]string{lstm.Path()})
	for _, s := range bench.Shapes {
		network, err := lstm.New(s.Model())
		if err != nil {
			return nil, err
		}
		ours, list := s.Ours(network), jobs()
		if sequences {
			ours, list = s.OurSequences(network), sequenceJobs()
		}
		if len(ours) == 0 {
			continue
		}
		fmt.Fprintf(os.Stderr, "comparing answers at input, hidden %s\n", s)
		theirs, err := candidates(s, peers, list, worst)
		if err != nil {
			return nil, err
		}
		groups = append(groups, slices.Concat(ours, theirs, common))
	}
	return groups, nil
}

// candidates are the peers at a shape, once their answers are those of lstm. The
// largest difference of each peer's is kept in worst.
func candidates(s bench.Shape, peers []peer, jobs []job, worst map[peer]float64) ([]*bench.Candidate, error) {
	layer := s.Model().Layers[0].(*lstm.Weights)
	var group []*bench.Candidate
	for _, j := range jobs {
		for _, p := range peers {
			// The plain loop gains nothing from many streams, and takes seconds for them.
			if j.lengths != "" && p == (plain{}) {
				continue
			}
			theirs, err := candidate(s, layer, p, j, tolerance, worst)
			if err != nil {
				return nil, err
			}
			group = append(group, theirs)
		}
	}
	return group, nil
}

// candidate is a peer at a layer, once its answers are as near to lstm's as that.
func candidate(s bench.Shape, layer *lstm.Weights, p peer, j job, tolerance float64, worst map[peer]float64) (*bench.Candidate, error) {
	x := s.Inputs(j.rows())
	theirs, err := p.open(layer, j, x)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", p.name(), j.figure(s, "").Name(), err)
	}
	ours, err := newReference(layer, j, x)
	if err != nil {
		return nil, err
	}
	difference, err := compare(ours, theirs, tolerance)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", p.name(), j.figure(s, "").Name(), err)
	}
	worst[p] = max(worst[p], difference)
	return &bench.Candidate{Figure: j.figure(s, p.name()), Run: repeat(theirs)}, nil
}

// repeat returns a function that makes a runner's call that number of times.
func repeat(r runner) func(int) {
	return func(calls int) {
		for range calls {
			if err := r.run(); err != nil {
				panic(err) // it has run before
			}
		}
	}
}

func writeReport(path string, report *bench.Report) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := report.Write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
