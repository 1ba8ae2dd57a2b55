package gen

import "example.com/lstm/internal/panel"

// Kernels are the kernels of every path, in the order of their files. What
// each computes is documented in kernels.go at the root and specified by the Go
// function of the same name and the suffix Generic.
var Kernels = []*Kernel{
	{
		Name:    "step",
		Params:  stepParams,
		Doc:     []string{"updates c and h of so many units by one step, see stepGeneric."},
		Scratch: panel.RowFloats * floatSize,
		Body:    func(g *Generator) { g.step(1) },
	},
	{
		// A panel has but four vectors of 16 lanes: two panels have enough sums
		// to hide the latency of their chains behind each other.
		Name:     "stepPairs",
		Params:   stepParams,
		Doc:      []string{"is step with two panels at once, for weights in the first-level cache."},
		Scratch:  panel.RowFloats * floatSize,
		MinLanes: 16,
		Body:     func(g *Generator) { g.step(2) },
	},
	{
		Name: "stepTile",
		Params: "sums *float32, sumsStride int, sumsColumn int, weights *float32, weightsStride int, skip int, " +
			"ahead *float32, columns *[]float32, count int, n int, units int",
		Doc:     []string{"updates so many units of several streams by one step, see stepTileGeneric."},
		Scratch: panel.MaxColumns * panel.RowFloats * floatSize,
		Body:    (*Generator).stepTile,
	},
	{
		Name: "gatesTile",
		Params: "sums *float32, sumsStride int, sumsColumn int, weights *float32, weightsStride int, skip int, " +
			"ahead *float32, columns *[]float32, count int, n int, units int, z *float32, zColumn int",
		Doc:  []string{"stores the gates' sums of so many units for several vectors, see gatesTileGeneric."},
		Body: (*Generator).gatesTile,
	},
	{
		Name:   "head",
		Params: "weights *float32, bias *float32, x *float32, n int, y *float32, outputs int",
		Doc:    []string{"applies the linear head, see headGeneric."},
		Body:   (*Generator).head,
	},
	{
		Name:   "sigmoid",
		Params: "dst *float32, x *float32, n int",
		Doc:    []string{"is σ of n elements, a multiple of panel.ElementBlock, see elementsGeneric."},
		Body:   func(g *Generator) { g.elementwise((*Formula).sigmoid) },
	},
	{
		Name:   "tanh",
		Params: "dst *float32, x *float32, n int",
		Doc:    []string{"is tanh of n elements, a multiple of panel.ElementBlock, see elementsGeneric."},
		Body:   func(g *Generator) { g.elementwise((*Formula).tanh) },
	},
}

const stepParams = "sums *float32, sumsStride int, weights *float32, weightsStride int, skip int, " +
	"x *float32, n int, c *float32, h *float32, units int"
