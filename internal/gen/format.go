package gen

import (
	"math/bits"
	"strings"
)

// A Format is how weights are stored. Each is described in a file of its own, and
// is one kernel a path, gates, for every cell.
type Format struct {
	Name string
	Size int // bytes of a weight, or of a group of them that lie side by side, a power of two

	// int8 says that the weights are int8, in groups, and the columns quantised
	// blocks; digits that the blocks are of 14 bits. These have no load.
	int8, digits bool

	// load makes n consecutive vectors of weights ready to be multiplied, each for
	// that many uses.
	load func(g *Generator, base Reg, offset, n, uses int) []Weight
	// atOnce is how many such vectors a path has registers for, if each is used for
	// that many columns.
	atOnce func(t *Tuning, columns int) int
	// shadowSteps is the path's ShadowSteps for the format.
	shadowSteps func(t *Tuning) int
}

// Formats are all formats.
var Formats = []*Format{float32Format, float16Format, int8Format, int8DigitsFormat}

// shift is the binary logarithm of Size.
func (f *Format) shift() int { return bits.TrailingZeros(uint(f.Size)) }

// gatesKernels are the kernels of all formats.
func gatesKernels() (kernels []*Kernel) {
	for _, format := range Formats {
		name := "gates" + strings.ToUpper(format.Name[:1]) + format.Name[1:]
		kernels = append(kernels, &Kernel{
			Name:  name,
			Does:  "stores the gates' sums of consecutive units for several vectors, see " + name + "Generic.",
			Label: format.Name,
			Int8:  format.int8,
			Body:  func(g *Generator) { g.tile(format, nil) },
		})
	}
	return kernels
}
