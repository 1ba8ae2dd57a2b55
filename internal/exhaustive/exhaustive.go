// Package exhaustive proves what the package promises about Sigmoid, Tanh and the
// activations ELU, with α = 1, and softplus, by trying all 2^32 inputs: the same
// bits on every path, an error below 1 ulp, monotone, within their range, tanh odd,
// NaN for NaN.
package exhaustive

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"sync"

	"example.com/lstm"
	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/exact"
)

// Inputs is the number of float32 values, NaNs included.
const Inputs = 1 << 32

// positive is the number of those without the sign bit. Inputs are counted by
// their bit patterns, and each is tried together with its negative.
const positive = Inputs / 2

// A Function is one that is proven.
type Function struct {
	Name string

	apply    func(dst, x []float32)
	exact    func(x float32) float64 // within exact.RelativeError
	big      func(x float32) *big.Float
	min, max float32
	odd      bool
	zeroTo   float32             // up to here it is +0 by the contract, whatever the exact value; NaN for nowhere
	special  map[float32]float32 // of 0 and the infinities
	zeroNeg  bool                // of -0 it is -0
}

var infinity, nowhere = float32(math.Inf(1)), float32(math.NaN())

// Functions are those that the package promises something about.
var Functions = []*Function{
	{
		Name:    "sigmoid",
		apply:   lstm.Sigmoid,
		exact:   exact.Sigmoid,
		big:     exact.BigSigmoid,
		min:     0,
		max:     1,
		zeroTo:  contract.Sigmoid.Min,
		special: map[float32]float32{0: 0.5, infinity: 1, -infinity: 0},
	},
	{
		Name:    "tanh",
		apply:   lstm.Tanh,
		exact:   exact.Tanh,
		big:     exact.BigTanh,
		min:     -1,
		max:     1,
		odd:     true,
		zeroTo:  nowhere,
		special: map[float32]float32{0: 0, infinity: 1, -infinity: -1},
		zeroNeg: true,
	},
	{
		Name:    "elu",
		apply:   lstm.ActivationELU.WithDefaults().Apply,
		exact:   exact.ExpMinusOne,
		big:     exact.BigExpMinusOne,
		min:     -1,
		max:     infinity,
		zeroTo:  nowhere,
		special: map[float32]float32{0: 0, infinity: infinity, -infinity: -1},
		zeroNeg: true,
	},
	{
		Name:    "softplus",
		apply:   lstm.ActivationSoftplus.WithDefaults().Apply,
		exact:   exact.Softplus,
		big:     exact.BigSoftplus,
		min:     0,
		max:     infinity,
		zeroTo:  contract.Sigmoid.Min,
		special: map[float32]float32{0: math.Ln2, infinity: infinity, -infinity: 0},
	},
}

// Exp is the proof of e^min(0, x), which is within the package only.
func Exp(apply func(dst, x []float32)) *Function {
	return &Function{
		Name:    "exp",
		apply:   apply,
		exact:   exact.Exp,
		big:     exact.BigExp,
		min:     0,
		max:     1,
		zeroTo:  -0x1.049f94p+6, // beyond -94·ln 2
		special: map[float32]float32{0: 1, infinity: 1, -infinity: 0},
	}
}

// A Result is what is proven about a function, on all paths.
type Result struct {
	Function *Function
	Paths    []string
	Ulps     float64 // the largest error
	At       float32 // an input where it occurs
}

// Verify tries a function with all inputs on the paths named, the first of
// which the others are compared with. It calls progress with the number of
// inputs that it has tried since the last call. The error is the first promise
// found broken, and names the input.
//
// It changes the path of the process while it runs, and uses all processors. It
// ends soon after ctx does, with ctx's error.
func (f *Function) Verify(ctx context.Context, paths []string, progress func(inputs int)) (Result, error) {
	return f.verify(ctx, paths, 0, positive, progress)
}

// VerifySample is Verify for one input in fifteen, for functions that take long: runs
// of them, in other parts of each binade.
func (f *Function) VerifySample(ctx context.Context, paths []string) (Result, error) {
	var largest Result
	some := int64(runtime.GOMAXPROCS(0)) * chunk
	for first := int64(0); first < positive; first += 15 * some {
		result, err := f.verify(ctx, paths, first, min(first+some, positive), func(int) {})
		if err != nil {
			return Result{}, err
		}
		if result.Ulps >= largest.Ulps {
			largest = result
		}
	}
	return largest, nil
}

// verify is Verify for the bit patterns from first to before end, and their
// negatives.
func (f *Function) verify(ctx context.Context, paths []string, first, end int64, progress func(inputs int)) (Result, error) {
	before := lstm.Path()
	defer func() { _ = dispatch.Set(before) }()
	workers := make([]*worker, runtime.GOMAXPROCS(0))
	for i := range workers {
		workers[i] = newWorker(f, paths)
	}
	for first < end {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		busy, start := 0, first
		for ; busy < len(workers) && first < end; busy++ {
			n := min(chunk, end-first)
			workers[busy].load(first, int(n))
			first += n
		}
		for i, path := range paths {
			if err := dispatch.Set(path); err != nil {
				return Result{}, err
			}
			together(workers[:busy], func(w *worker) { f.apply(w.y[i], w.x) })
		}
		together(workers[:busy], func(w *worker) { w.check() })
		for _, w := range workers[:busy] {
			if w.err != nil {
				return Result{}, w.err
			}
		}
		progress(2 * int(first-start))
	}
	var largest errors
	for _, w := range workers {
		largest.merge(&w.errors)
	}
	ulps, at := largest.decide(f)
	return Result{Function: f, Paths: paths, Ulps: ulps, At: at}, nil
}

// together runs work for each worker at the same time, and waits for all.
func together(workers []*worker, work func(w *worker)) {
	var group sync.WaitGroup
	for _, w := range workers {
		group.Go(func() { work(w) })
	}
	group.Wait()
}

// chunk is how many bit patterns a worker tries at a time.
const chunk = 1 << 16

const signBit = 1 << 31

// A worker tries one chunk after another.
type worker struct {
	f     *Function
	paths []string

	// The inputs: the last pattern of the chunk before, and those of the chunk,
	// in ascending order; and then the negatives of all these.
	x  []float32
	n  int         // of each half
	y  [][]float32 // results, path by path
	to []float32   // room for more than the last chunk takes

	errors errors
	err    error
}

func newWorker(f *Function, paths []string) *worker {
	w := &worker{f: f, paths: paths, to: make([]float32, 2*(1+chunk)), y: make([][]float32, len(paths))}
	for i := range w.y {
		w.y[i] = make([]float32, len(w.to))
	}
	return w
}

func (w *worker) load(first int64, n int) {
	w.n = 1 + n
	w.x = w.to[:2*w.n]
	for i := range w.n {
		bits := uint32(max(first+int64(i)-1, 0))
		w.x[i] = math.Float32frombits(bits)
		w.x[w.n+i] = math.Float32frombits(bits | signBit)
	}
	for i := range w.y {
		w.y[i] = w.y[i][:2*w.n]
	}
}

// check compares the results with each other, with the exact value and with
// their neighbours.
func (w *worker) check() {
	f, y := w.f, w.y[0]
	for p := 1; p < len(w.paths); p++ {
		for i, v := range w.y[p] {
			if !same(v, y[i]) {
				w.err = fmt.Errorf("%s(%s) is %s on path %s, and %s on path %s",
					f.Name, describe(w.x[i]), describe(v), w.paths[p], describe(y[i]), w.paths[0])
				return
			}
		}
	}
	for i := 1; i < w.n; i++ {
		if w.err = f.checkPair(w.x[i-1], w.x[i], y[i-1], y[i], y[w.n+i-1], y[w.n+i], &w.errors); w.err != nil {
			return
		}
	}
}

// checkPair judges the results y for x and negative for -x, given those for
// the number before x, which is x itself if there is none.
func (f *Function) checkPair(before, x, yBefore, y, negativeBefore, negative float32, errors *errors) error {
	if x != x {
		if y == y || negative == negative {
			return fmt.Errorf("%s is %s and %s for NaNs, %s and its negative", f.Name, describe(y), describe(negative), describe(x))
		}
		return nil
	}
	for _, r := range [2]struct{ x, y float32 }{{x, y}, {-x, negative}} {
		if !(r.y >= f.min && r.y <= f.max) {
			return fmt.Errorf("%s(%s) is %s, which is not from %v to %v", f.Name, describe(r.x), describe(r.y), f.min, f.max)
		}
		if r.x <= f.zeroTo {
			if math.Float32bits(r.y) != 0 {
				return fmt.Errorf("%s(%s) is %s, want 0", f.Name, describe(r.x), describe(r.y))
			}
			continue
		}
		want := f.exact(r.x)
		if math.IsInf(want, 0) {
			continue // checkSpecial's
		}
		ulps := exact.Ulps(r.y, want)
		// The reference is known to 2^-26 ulp.
		if !(ulps < 1-0x1p-26) {
			return fmt.Errorf("%s(%s) is %s, wrong by %.4f ulp", f.Name, describe(r.x), describe(r.y), ulps)
		}
		errors.add(ulps, r.x)
	}
	if y < yBefore || negative > negativeBefore || x == 0 && y < negative {
		return fmt.Errorf("%s is not monotone between %s and %s, or between their negatives", f.Name, describe(before), describe(x))
	}
	if f.odd && math.Float32bits(y)^math.Float32bits(negative) != signBit {
		return fmt.Errorf("%s(%s) is %s, and of the negative %s", f.Name, describe(x), describe(y), describe(negative))
	}
	if x == 0 || x == infinity {
		return f.checkSpecial(x, y, negative)
	}
	return nil
}

// checkSpecial judges the results for 0 or infinity and its negative.
func (f *Function) checkSpecial(x, y, negative float32) error {
	wantNegative := f.special[-x]
	if x == 0 && f.zeroNeg {
		wantNegative = -wantNegative
	}
	for _, r := range [2]struct{ x, y, want float32 }{{x, y, f.special[x]}, {-x, negative, wantNegative}} {
		if math.Float32bits(r.y) != math.Float32bits(r.want) {
			return fmt.Errorf("%s(%s) is %s, want %s", f.Name, describe(r.x), describe(r.y), describe(r.want))
		}
	}
	return nil
}

// same reports whether a and b are the same bits, a NaN being a NaN.
func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

func describe(x float32) string { return fmt.Sprintf("%x (%#08x)", x, math.Float32bits(x)) }

// errors collects the inputs with the largest errors: all those that float64
// cannot tell apart. Errors of less than half a unit, which are those of correct
// rounding, are not collected; there are a billion alike.
type errors struct {
	largest float64
	inputs  []input
}

type input struct {
	x    float32
	ulps float64
}

// doubt is more than two errors of the reference can differ by in ulps.
const doubt = 0x1p-24

func (e *errors) add(ulps float64, x float32) {
	if ulps < max(e.largest-doubt, 0.5) {
		return
	}
	if ulps > e.largest+doubt {
		e.inputs = e.inputs[:0]
	}
	e.largest = max(e.largest, ulps)
	e.inputs = append(e.inputs, input{x, ulps})
}

func (e *errors) merge(other *errors) {
	for _, in := range other.inputs {
		e.add(in.ulps, in.x)
	}
}

// decide computes the errors of those inputs with as many digits as it takes,
// and returns the largest and the first input that has it, or zeros if all
// results are rounded correctly.
func (e *errors) decide(f *Function) (ulps float64, at float32) {
	for _, in := range e.inputs {
		y := []float32{in.x}
		f.apply(y, y)
		if u := exact.BigUlps(y[0], f.big(in.x)); u > ulps {
			ulps, at = u, in.x
		}
	}
	return ulps, at
}
