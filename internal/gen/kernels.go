package gen

import (
	"slices"
	"strings"

	"example.com/lstm/internal/panel"
)

// A Function is a function in Go that calls the kernels of the path in use. What
// it computes is written in Go under its name and the suffix Generic, which is
// the specification of its kernels. From this description come the function
// itself, the kernels' declarations, what the race detector is told, the tests
// of all kernels and the table in docs/kernels.md.
type Function struct {
	Name   string
	Does   string // for docs/kernels.md
	Params string // of the Go function
	Args   []Arg  // what its kernels are given
	// Choice, if there is one, is the first parameter of the Go function: it
	// chooses among the kernels, each of which has a Go version of its own.
	Choice *Choice
	// Reads and Writes are slices that a user of the package can get at, as
	// expressions of the parameters: of column, for each element of columns.
	Reads, Writes []string
	// Narrow, if it is not empty, is a condition under which a path of more than
	// panel.NarrowUnits lanes uses the kernel of the path that has as many.
	Narrow  string
	Kernels []*Kernel
}

// An Arg is an argument of a kernel: its name and type in assembly, and the
// expression of the Go function's parameters that it is given.
type Arg struct{ Name, Type, Value string }

// A Choice is a parameter whose values each stand for a kernel. They are called
// as the kernel is labelled, with a suffix.
type Choice struct {
	Param, Type, Suffix, Doc string

	Vectors bool // the type has a method that tells the kernels' Vectors
}

// A Kernel is one assembly function.
type Kernel struct {
	Name    string // without the instruction set
	Does    string // what the declaration says
	Label   string // names the value of the function's Choice that stands for it
	Vectors int    // that a unit has besides its weights, of a cell
	Scratch int    // bytes of scratch memory, if it is used
	// WordScratch is what is to be added to it where DotTuning.Words is set.
	WordScratch int
	// MinLanes is the number of lanes below which the kernel makes no sense.
	MinLanes int
	// Int8 says that it is for int8 weights. Paths differ in whether they have such
	// kernels of their own, see Has.
	Int8 bool
	// If is a condition under which the function takes this kernel before the
	// next, where there is no Choice. The last has none.
	If   string
	Body func(g *Generator)
	Args []Arg // those of its function
}

// Has reports whether the path has a kernel k of its own. Those with instructions
// for products of int8 have nothing else; others have kernels of int8 weights where
// they are tuned for them.
func (t *Tuning) Has(k *Kernel) bool {
	if t.Lanes < k.MinLanes {
		return false
	}
	if k.Int8 {
		return t.Dots != nil
	}
	return !t.Dot
}

// Value is the value that stands for k.
func (c *Choice) Value(k *Kernel) string { return k.Label + c.Suffix }

// Params is the kernel's parameter list in Go.
func (k *Kernel) Params() string {
	var list []string
	for _, a := range k.Args {
		list = append(list, a.Name+" "+a.Type)
	}
	return strings.Join(list, ", ")
}

// function gives the kernels of f its arguments.
func function(f Function) *Function {
	for _, k := range f.Kernels {
		k.Args = f.Args
	}
	return &f
}

// Kernels returns the kernels of all functions, in their order.
func Kernels(functions []*Function) (all []*Kernel) {
	for _, f := range functions {
		all = append(all, f.Kernels...)
	}
	return all
}

func pointer(name string) Arg {
	return Arg{name, "*float32", "unsafe.SliceData(" + name + ")"}
}

// The arguments that the kernels with weights share: where the sums begin, and
// the panels.
var (
	sumsArgs = []Arg{
		{"sums", "*float32", "unsafe.SliceData(from.sums)"},
		{"sumsStride", "int", "from.stride"},
	}
	panelArgs = []Arg{
		{"weights", "*float32", "unsafe.SliceData(p.floats)"},
		{"weightsStride", "int", "p.stride"},
		{"skip", "int", "p.skip"},
	}
	columnArgs = []Arg{
		{"columns", "*[]float32", "&columns[0].x"},
		{"count", "int", "len(columns)"},
	}
	stepArgs = slices.Concat(sumsArgs, panelArgs,
		[]Arg{pointer("x"), {"n", "int", "len(x)"}, pointer("c"), pointer("h"), {"units", "int", "len(h)"}})
	tileArgs = slices.Concat(
		sumsArgs, []Arg{{"sumsColumn", "int", "from.columnStride"}},
		panelArgs, []Arg{{"prefetch", "*float32", "unsafe.SliceData(p.prefetch)"}},
		columnArgs, []Arg{{"n", "int", "len(columns[0].x)"}},
	)
	headArgs = []Arg{
		pointer("weights"), pointer("bias"), pointer("x"), {"n", "int", "len(x)"}, pointer("y"), {"outputs", "int", "len(y)"},
	}
	zArgs = []Arg{pointer("z"), {"zColumn", "int", "zStride"}}

	stepInt8Args = slices.Concat(sumsArgs, panelArgs, []Arg{
		pointer("x"), {"n", "int", "len(x)"}, pointer("h0"), {"m", "int", "len(h0)"},
		pointer("c"), pointer("h"), {"units", "int", "len(h)"},
	})
)

// Functions are those of the root package. kernels.go says more about their
// parameters.
var Functions = []*Function{
	function(Function{
		Name:   "step",
		Does:   "one step of one stream: continues the gates' sums over x, then updates c and stores h",
		Params: "from *chainStart, p *panels, x, c, h []float32",
		Args:   stepArgs,
		Reads:  []string{"x", "c[:len(h)]"},
		Writes: []string{"c[:len(h)]", "h"},
		Kernels: []*Kernel{
			{
				// A panel has but four vectors of 16 lanes: two panels have enough
				// chains to hide each other's latency.
				Name:     "stepPairs",
				Does:     "is step with two panels at once, for weights in the first-level cache, see pairFloats.",
				If:       "p.pairs",
				Scratch:  panel.RowFloats * floatSize,
				MinLanes: 16,
				Body:     func(g *Generator) { g.step(float32Format, 2) },
			},
			{
				Name:    "step",
				Does:    "updates c and h of consecutive units by one step, see stepGeneric.",
				Scratch: panel.RowFloats * floatSize,
				Body:    func(g *Generator) { g.step(float32Format, 1) },
			},
		},
	}),
	function(Function{
		Name:   "stepFloat16",
		Does:   "step of weights in float16",
		Params: "from *chainStart, p *panels, x, c, h []float32",
		Args:   stepArgs,
		Reads:  []string{"x", "c[:len(h)]"},
		Writes: []string{"c[:len(h)]", "h"},
		Narrow: "p.narrow",
		Kernels: []*Kernel{{
			Name:    "stepFloat16",
			Does:    "is step of weights in float16, see stepFloat16Generic.",
			Scratch: panel.RowFloats * floatSize,
			Body:    func(g *Generator) { g.step(float16Format, 1) },
		}},
	}),
	stepInt8Function("stepInt8", "step of int8 weights; x, or nil for none, and the hidden state h0 of the step before are quantised blocks", false),
	stepInt8Function("stepInt8Digits", "the same with an x of digits", true),
	function(Function{
		Name:   "stepTile",
		Does:   "step for up to panel.MaxColumns streams, which share each load of a weight",
		Params: "from *chainStart, p *panels, columns []column",
		Args:   slices.Concat(tileArgs, []Arg{{"units", "int", "len(columns[0].h)"}}),
		Reads:  []string{"column.x", "column.c[:len(column.h)]"},
		Writes: []string{"column.c[:len(column.h)]", "column.h"},
		// A narrow panel alone does not fill wider vectors.
		Narrow: "len(columns[0].h) <= panel.NarrowUnits",
		Kernels: []*Kernel{{
			Name:    "stepTile",
			Does:    "updates consecutive units of several streams by one step, see stepTileGeneric.",
			Scratch: panel.MaxColumns * panel.RowFloats * floatSize,
			Body:    (*Generator).stepTile,
		}},
	}),
	function(Function{
		Name:    "gates",
		Does:    "the gates' sums alone, of up to panel.MaxColumns vectors x, stored to z; one kernel for each format of weights",
		Params:  "from *chainStart, p *panels, columns []column, units int, z []float32, zStride int",
		Choice:  &Choice{Param: "format", Type: "weightFormat", Suffix: "Weights", Doc: "A weightFormat is how the weights of a layer are stored."},
		Args:    slices.Concat(tileArgs, []Arg{{"units", "int", "units"}}, zArgs),
		Reads:   []string{"column.x"},
		Narrow:  "units <= panel.NarrowUnits || p.narrow && len(columns) == 1",
		Kernels: gatesKernels(),
	}),
	function(Function{
		Name:   "cells",
		Does:   "c' and h' from the gates' sums in z and from c, of up to panel.MaxColumns streams; one kernel for each cell",
		Params: "z []float32, zStride int, parameters []float32, columns []column",
		Choice: &Choice{Param: "cell", Type: "cellKind", Suffix: "Cell", Doc: "A cellKind is what the units of a layer do with their gates' sums.", Vectors: true},
		Args: slices.Concat(zArgs, []Arg{pointer("parameters")}, columnArgs,
			[]Arg{{"units", "int", "len(columns[0].h)"}}),
		Reads:   []string{"column.c[:len(column.h)]"},
		Writes:  []string{"column.c[:len(column.h)]", "column.h"},
		Narrow:  "len(columns[0].h) <= panel.NarrowUnits",
		Kernels: cellKernels(),
	}),
	function(Function{
		Name:   "stages",
		Does:   "the same in stages, between which functions of elements are the activations; one kernel for each stage",
		Params: "z []float32, zStride int, slots []float32, slotStride int, parameters []float32, columns []column",
		Choice: &Choice{Param: "s", Type: "cellStage", Suffix: "Stage", Doc: "A cellStage is what is to do before, between or after the activations of a cell."},
		Args: slices.Concat(zArgs, []Arg{pointer("slots"), {"slotStride", "int", "slotStride"}, pointer("parameters")}, columnArgs,
			[]Arg{{"units", "int", "len(columns[0].h)"}}),
		Reads:   []string{"column.c[:len(column.h)]"},
		Writes:  []string{"column.c[:len(column.h)]", "column.h"},
		Narrow:  "len(columns[0].h) <= panel.NarrowUnits",
		Kernels: stageKernels(),
	}),
	function(Function{
		Name:   "head",
		Does:   "the linear head",
		Params: "weights, bias, x, y []float32",
		Args:   headArgs,
		Reads:  []string{"x"},
		Writes: []string{"y"},
		Kernels: []*Kernel{{
			Name: "head",
			Does: "applies the linear head, see headGeneric.",
			Body: func(g *Generator) { g.head(float32Format) },
		}},
	}),
	function(Function{
		Name:   "headFloat16",
		Does:   "the linear head of weights in float16",
		Params: "weights, bias, x, y []float32",
		Args:   headArgs,
		Reads:  []string{"x"},
		Writes: []string{"y"},
		Kernels: []*Kernel{{
			Name: "headFloat16",
			Does: "is head of weights in float16, see headFloat16Generic.",
			Body: func(g *Generator) { g.head(float16Format) },
		}},
	}),
	quantiseFunction("quantise", "makes a quantised block of v, of 7 bits an element", false),
	quantiseFunction("quantiseDigits", "the same of 14 bits, as two digits", true),
	function(Function{
		Name:   "elements",
		Does:   "a function of every element of a slice",
		Params: "parameters, dst, x []float32",
		Choice: &Choice{Param: "f", Type: "function", Suffix: "Function", Doc: "A function is one that has an elementwise kernel."},
		Args:   []Arg{pointer("parameters"), pointer("dst"), pointer("x"), {"n", "int", "len(x)"}},
		Reads:  []string{"x"},
		Writes: []string{"dst"},
		Kernels: []*Kernel{
			elementwise("sigmoid", "σ", usualVectors, plain((*Formula).sigmoid)),
			elementwise("tanh", "tanh", usualVectors, plain((*Formula).tanh)),
			elementwise("flush", "flush", usualVectors, plain((*Formula).flush)),
			elementwise("hardSigmoid", "the hard sigmoid", usualVectors, parametric((*Formula).hardSigmoid)),
			elementwise("relu", "ReLU", usualVectors, plain((*Formula).relu)),
			elementwise("leakyReLU", "leaky ReLU", usualVectors, parametric((*Formula).leakyReLU)),
			elementwise("thresholdedReLU", "thresholded ReLU", usualVectors, parametric((*Formula).thresholdedReLU)),
			elementwise("softsign", "softsign", usualVectors, plain((*Formula).softsign)),
			elementwise("elu", "ELU", longVectors, parametric((*Formula).elu)),
			elementwise("scaledTanh", "the scaled tanh", usualVectors, parametric((*Formula).scaledTanh)),
			elementwise("affine", "α·x + β", usualVectors, parametric((*Formula).affine)),
			elementwise("softplus", "softplus", longVectors, plain((*Formula).softplus)),
			elementwise("exp", "e^min(0, x)", longVectors, plain((*Formula).exp)),
		},
	}),
}
