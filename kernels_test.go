package lstm

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/float16"
	"example.com/lstm/internal/gen"
	"example.com/lstm/internal/guard"
	"example.com/lstm/internal/lstmtest"
	"example.com/lstm/internal/panel"
)

// Every kernel is compared with its twin in kernels_generic.go, bit for bit, in
// memory that shows what else it touches: each argument at the beginning and at
// the end of readable memory, and from every offset within a vector, between
// sentinels. Whatever a kernel has no business with is NaN.

// A kernelCall is a call of a kernel and of its twin on the same arguments.
type kernelCall struct {
	what         string
	arguments    []argument
	kernel, twin func(m [][]float32) // m are the arguments' floats
	forget       func(m [][]float32) // clears what is nobody's concern after either, or nil
}

// after is m after the call of either.
func (c *kernelCall) after(call func(m [][]float32), m [][]float32) {
	call(m)
	if c.forget != nil {
		c.forget(m)
	}
}

// argument is memory that a kernel is given a pointer to.
type argument struct {
	name   string
	floats []float32 // before the call
	free   int       // floats at the end that are nobody's concern after it
	bits   bool      // of which each counts, even in a NaN
}

// same reports whether a and b are the same, a NaN being a NaN where bits do not
// count.
func (a *argument) same(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || !a.bits && sameBits(x, y)
}

// A rack holds guarded memory for the arguments of a call.
type rack struct {
	buffers []*guard.Buffer
	list    *guard.Buffer // for columns
}

// rackArguments is how many a call can have: sums, weights, and each column's
// x, c and h, or z.
const rackArguments = 3 + 3*panel.MaxColumns

// maxOffset is that of a float in the widest vector.
const maxOffset = 15

// neighbours is how far around an argument nothing may change.
const neighbours = 4 * (maxOffset + 1)

func newRack(t *testing.T, floats int) *rack {
	r := &rack{list: guard.New(panel.MaxColumns * columnFloats)}
	for range rackArguments {
		r.buffers = append(r.buffers, guard.New(floats+2*neighbours+maxOffset))
	}
	t.Cleanup(func() {
		r.list.Release()
		for _, b := range r.buffers {
			b.Release()
		}
	})
	return r
}

// A placement says where an argument of n floats begins in its buffer.
type placement struct {
	name  string
	start func(argument int, b *guard.Buffer, n int) int
}

var (
	atFirst = placement{"at the first float", func(_ int, _ *guard.Buffer, _ int) int { return 0 }}
	atLast  = placement{"at the last float", func(_ int, b *guard.Buffer, n int) int { return b.Len() - n }}
)

func atOffset(offset int) placement {
	return placement{fmt.Sprintf("at offset %d", offset), func(int, *guard.Buffer, int) int { return neighbours + offset }}
}

// apart gives every argument an offset of its own.
func apart(seed int) placement {
	return placement{"at offsets apart", func(i int, _ *guard.Buffer, _ int) int { return neighbours + (seed+5*i)%(maxOffset+1) }}
}

// check runs the kernel once for each placement of its arguments. In Go a slice ends
// where it ends, wherever it lies, so that one placement is enough.
func (r *rack) check(t *testing.T, call *kernelCall, placements ...placement) {
	t.Helper()
	if dispatch.PureGo(dispatch.Active().String()) {
		placements = placements[:1]
	}
	want := make([][]float32, len(call.arguments))
	for i, a := range call.arguments {
		want[i] = slices.Clone(a.floats)
	}
	call.after(call.twin, want)
	for _, p := range placements {
		if err := r.try(call, p, want); err != nil {
			t.Fatalf("%s, %s: %v", call.what, p.name, err)
		}
	}
}

// try runs the kernel and compares the arguments with those of the twin.
func (r *rack) try(call *kernelCall, p placement, want [][]float32) error {
	got := make([][]float32, len(call.arguments))
	starts := make([]int, len(call.arguments))
	for i, a := range call.arguments {
		starts[i] = p.start(i, r.buffers[i], len(a.floats))
		got[i] = r.buffers[i].At(starts[i], len(a.floats))
		copy(got[i], a.floats)
		defer r.buffers[i].Fill(starts[i]-neighbours, starts[i]+len(a.floats)+neighbours)
	}
	if address, faulted := fault(func() { call.after(call.kernel, got) }); faulted {
		return describeFault(address, call.arguments, got)
	}
	for i, a := range call.arguments {
		for j := range len(a.floats) - a.free {
			if !a.same(want[i][j], got[i][j]) {
				return fmt.Errorf("%s[%d] is %x (%#08x), want %x (%#08x)", a.name, j,
					got[i][j], math.Float32bits(got[i][j]), want[i][j], math.Float32bits(want[i][j]))
			}
		}
		if at, ok := r.buffers[i].Intact(starts[i]-neighbours, starts[i]); !ok {
			return fmt.Errorf("%s[%d], before it begins, has changed", a.name, at-starts[i])
		}
		end := starts[i] + len(a.floats)
		if at, ok := r.buffers[i].Intact(end, end+neighbours); !ok {
			return fmt.Errorf("%s[%d] has changed, and it has only %d elements", a.name, at-starts[i], len(a.floats))
		}
	}
	return nil
}

// sameBits reports whether a and b are the same number, a NaN being a NaN.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// fault runs f and reports whether it touched memory that it may not, and where.
func fault(f func()) (address uintptr, faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		a, ok := r.(interface{ Addr() uintptr })
		if !ok {
			panic(r)
		}
		address, faulted = a.Addr(), true
	}()
	f()
	return 0, false
}

// describeFault names the argument that is nearest to the address of a fault.
func describeFault(address uintptr, arguments []argument, memory [][]float32) error {
	nearest, what := int64(math.MaxInt64), ""
	for i, m := range memory {
		start := int64(uintptr(unsafe.Pointer(unsafe.SliceData(m))))
		end := start + 4*int64(len(m))
		distance := max(start-int64(address), int64(address)-end)
		if distance < nearest {
			nearest = distance
			what = fmt.Sprintf("%s at %#x to %#x", arguments[i].name, start, end)
		}
	}
	return fmt.Errorf("it touches %#x, where no memory is; nearest is %s", address, what)
}

// columnFloats is the size of a column.
const columnFloats = int(unsafe.Sizeof(column{}) / 4)

// guardedColumns copies columns to where the list of them ends at an unreadable
// page, or begins after one.
func (r *rack) guardedColumns(columns []column, last bool) []column {
	floats := r.list.First(len(columns) * columnFloats)
	if last {
		floats = r.list.Last(len(columns) * columnFloats)
	}
	list := unsafe.Slice((*column)(unsafe.Pointer(unsafe.SliceData(floats))), len(columns))
	copy(list, columns)
	return list
}

// A kind makes numbers of one kind for a chain of n products.
type kind struct {
	name           string
	weight, x, sum func(r *rand.Rand, n int) float32
}

var kinds = []kind{
	{
		name:   "ordinary",
		weight: func(r *rand.Rand, n int) float32 { return normal(r) / float32(math.Sqrt(float64(n))) },
		x:      func(r *rand.Rand, _ int) float32 { return normal(r) },
		sum:    func(r *rand.Rand, _ int) float32 { return normal(r) },
	},
	{
		// Every chain meets one or a few.
		name: "awkward",
		weight: func(r *rand.Rand, n int) float32 {
			return sometimes(r, 2*n, normal(r)/float32(math.Sqrt(float64(n))))
		},
		x:   func(r *rand.Rand, n int) float32 { return sometimes(r, 8*n, normal(r)) },
		sum: func(r *rand.Rand, _ int) float32 { return sometimes(r, 6, normal(r)) },
	},
	{
		// Products and sums that are subnormal or vanish.
		name:   "tiny",
		weight: func(r *rand.Rand, _ int) float32 { return normal(r) * 0x1p-75 },
		x:      func(r *rand.Rand, _ int) float32 { return normal(r) * 0x1p-73 },
		sum:    func(r *rand.Rand, _ int) float32 { return math.Float32frombits(r.Uint32() & 0x80ffffff) },
	},
	{
		// Sums that overflow in the end, or before it.
		name:   "huge",
		weight: func(r *rand.Rand, _ int) float32 { return normal(r) * 0x1p+63 },
		x:      func(r *rand.Rand, _ int) float32 { return normal(r) * 0x1p+63 },
		sum:    func(r *rand.Rand, _ int) float32 { return normal(r) * 0x1p+124 },
	},
	{
		// Products of 25 bits and more, so that many sums lie half-way between two
		// float32.
		name:   "halfway",
		weight: func(r *rand.Rand, _ int) float32 { return float32(odd(r, 13)) * 0x1p-12 },
		x:      func(r *rand.Rand, _ int) float32 { return float32(odd(r, 12)) * 0x1p-12 },
		sum:    func(r *rand.Rand, _ int) float32 { return float32(odd(r, 24)) * 0x1p-24 },
	},
}

// normal is about normally distributed, and quick.
func normal(r *rand.Rand) float32 {
	a, b := r.Uint64(), r.Uint64()
	sum := int64(a>>32) + int64(a&math.MaxUint32) + int64(b>>32) + int64(b&math.MaxUint32)
	return float32(sum-2*math.MaxUint32) * 0x1.bb67aep-32
}

// odd is an odd number of up to that many bits, or its negative.
func odd(r *rand.Rand, bits int) int {
	n := r.IntN(1<<bits) | 1
	if r.IntN(2) == 0 {
		return -n
	}
	return n
}

// sometimes is an awkward number about once in n calls, else v.
func sometimes(r *rand.Rand, n int, v float32) float32 {
	if r.IntN(n) == 0 {
		return lstmtest.Awkward[r.IntN(len(lstmtest.Awkward))]
	}
	return v
}

func numbers(r *rand.Rand, count, chain int, number func(r *rand.Rand, n int) float32) []float32 {
	s := make([]float32, count)
	for i := range s {
		s[i] = number(r, chain)
	}
	return s
}

// gateCall is what step, stepTile and gates have in common: panels of so
// many units, of which the rows from skip on are multiplied with vectors of n
// elements, and rows after them that are not.
type gateCall struct {
	units, n, skip, after int
	columns               int
	format                weightFormat // of gates and step; stepTile has one only
	m                     int          // elements of h0, of stepInt8; 0 for others
	withoutX              bool         // of stepInt8: there is no x
	kind                  *kind
	rand                  *rand.Rand
	// Sums that all columns begin at, as at their bias, or each at its own. They
	// lie that many floats farther apart than they are long, from panel to panel
	// and from column to column.
	bias                bool
	panelGap, columnGap int
}

func (c *gateCall) String() string {
	sums := fmt.Sprintf("sums %d and %d apart", c.sumsStride(), c.columnStride())
	return fmt.Sprintf("%s: %d units, %d elements from row %d, %d columns, %s", c.kind.name, c.units, c.n, c.skip, c.columns, sums)
}

// stride is in float32, whatever the format.
func (c *gateCall) stride() int {
	return panel.RowFloats * c.rows() * gen.Formats[c.format].Size / 4
}

// rows are those of a panel.
func (c *gateCall) rows() int {
	if c.isInt8() {
		return c.int8Rows()
	}
	return c.skip + c.n + c.after
}

func (c *gateCall) sumsStride() int { return panel.RowFloats + c.panelGap }

// sumsFloats are those of one column.
func (c *gateCall) sumsFloats() int {
	whole := (c.units - 1) / panel.Units
	return whole*c.sumsStride() + panel.Gates*panel.Width(c.units-whole*panel.Units)
}

func (c *gateCall) columnStride() int {
	if c.bias {
		return 0
	}
	return c.sumsFloats() + c.columnGap
}

// eachUnit calls visit for every unit's four lanes: they are at lane, lane +
// width, and so on, of a row of 4·width floats of that panel.
func (c *gateCall) eachUnit(visit func(p, lane, width int)) {
	for u := range c.units {
		p := u / panel.Units
		visit(p, u%panel.Units, panel.Width(c.units-p*panel.Units))
	}
}

// weights makes panels: numbers where the kernel has to look, sentinels
// elsewhere.
func (c *gateCall) weights() argument {
	if c.isInt8() {
		return c.int8Weights()
	}
	rows := c.rows()
	last := (c.units - 1) / panel.Units
	width := panel.Width(c.units - last*panel.Units)
	stride := panel.RowFloats * rows
	floats := sentinels(last*stride + panel.Gates*width*rows)
	c.eachUnit(func(p, lane, width int) {
		for g := range panel.Gates {
			column := floats[p*stride+g*width+lane:]
			for k := range c.n {
				column[(c.skip+k)*panel.Gates*width] = c.kind.weight(c.rand, c.n)
			}
		}
	})
	return argument{name: "weights", floats: inFormat(c.format, floats)}
}

// inFormat is the memory of weights of a format, as large as such are, so that the
// harness sees what a kernel reads beyond them.
func inFormat(format weightFormat, weights []float32) []float32 {
	switch format {
	case float32Weights, int8Weights, int8DigitsWeights:
		return weights
	case float16Weights:
		return inFloat16(weights)
	}
	panic(fmt.Sprintf("the tests of kernels have no weights of format %v", format))
}

// inFloat16 rounds weights as they are, without a rule for zeros. Numbers that would
// vanish become subnormal, and those that would overflow large.
func inFloat16(weights []float32) []float32 {
	packed := make([]float32, len(weights)/2)
	for i := range packed {
		var both uint32
		for j, w := range weights[2*i:][:2] {
			switch magnitude := math.Abs(float64(w)); {
			case magnitude < 0x1p-25:
				w *= 0x1p56
			case magnitude > 0x1p15 && magnitude <= math.MaxFloat32:
				w *= 0x1p-49
			}
			bits, _ := float16.Round(w)
			both |= uint32(bits) << (16 * j)
		}
		packed[i] = math.Float32frombits(both)
	}
	return packed
}

// sums makes the sums of all columns.
func (c *gateCall) sums() argument {
	floats := sentinels((c.columns-1)*c.columnStride() + c.sumsFloats())
	for i := range c.columns {
		c.eachUnit(func(p, lane, width int) {
			for g := range panel.Gates {
				floats[i*c.columnStride()+p*c.sumsStride()+g*width+lane] = c.kind.sum(c.rand, c.n)
			}
		})
	}
	return argument{name: "sums", floats: floats}
}

// state makes c, padded to whole panels, and h.
func (c *gateCall) state(i int) (cell, hidden argument) {
	padded := panel.PaddedUnits(c.units)
	floats := append(numbers(c.rand, c.units, c.n, c.kind.sum), sentinels(padded-c.units)...)
	return argument{name: fmt.Sprintf("c of column %d", i), floats: floats, free: padded - c.units},
		argument{name: fmt.Sprintf("h of column %d", i), floats: sentinels(c.units)}
}

func (c *gateCall) x(i int) argument {
	name := fmt.Sprintf("x of column %d", i)
	if c.isInt8() {
		return c.block(name, c.n, c.format == int8DigitsWeights)
	}
	return argument{name: name, floats: numbers(c.rand, c.n, c.n, c.kind.x)}
}

func sentinels(n int) []float32 {
	return slices.Repeat([]float32{guard.Sentinel}, n)
}

// places are where the kernel begins, and its panels, given the arguments.
func (c *gateCall) places(m [][]float32) (*chainStart, *panels) {
	return &chainStart{sums: m[sumsArgument], stride: c.sumsStride(), columnStride: c.columnStride()},
		&panels{floats: m[weightsArgument], stride: c.stride(), skip: c.skip, pairs: c.rand.IntN(2) == 0, narrow: c.format == float16Weights && c.rand.IntN(2) == 0}
}

// The arguments of all gate calls: weights, sums, then what each kernel has
// besides.
const (
	weightsArgument = iota
	sumsArgument
	otherArguments
)

func (c *gateCall) arguments() []argument {
	return []argument{c.weights(), c.sums()}
}

// stepKernels are the steps of each format that has one, and their twins.
var stepKernels = map[weightFormat]struct {
	kernel, twin func(from *chainStart, p *panels, x, c, h []float32)
}{
	float32Weights: {step, stepGeneric},
	float16Weights: {stepFloat16, stepFloat16Generic},
}

func (c *gateCall) step(format weightFormat) *kernelCall {
	c.format = format
	a := c.arguments()
	cell, hidden := c.state(0)
	return &kernelCall{
		what:      fmt.Sprintf("step of %v weights, %s", format, c),
		arguments: append(a, c.x(0), cell, hidden),
		kernel: func(m [][]float32) {
			from, p := c.places(m)
			m = m[otherArguments:]
			stepKernels[format].kernel(from, p, m[0], m[1], m[2])
		},
		twin: func(m [][]float32) {
			from, p := c.places(m)
			m = m[otherArguments:]
			stepKernels[format].twin(from, p, m[0], m[1], m[2])
		},
	}
}

// tile is the call of stepTile with its list of columns at either end of
// readable memory.
func (c *gateCall) tile(r *rack, last bool) *kernelCall {
	a := c.arguments()
	for i := range c.columns {
		cell, hidden := c.state(i)
		a = append(a, c.x(i), cell, hidden)
	}
	columns := func(m [][]float32) []column {
		var list []column
		for m := m[otherArguments:]; len(m) > 0; m = m[3:] {
			list = append(list, column{m[0], m[1], m[2]})
		}
		return list
	}
	return &kernelCall{
		what:      "stepTile of " + c.String(),
		arguments: a,
		kernel: func(m [][]float32) {
			from, p := c.places(m)
			stepTile(from, p, r.guardedColumns(columns(m), last))
		},
		twin: func(m [][]float32) {
			from, p := c.places(m)
			stepTileGeneric(from, p, columns(m))
		},
	}
}

// gates is the call of gates. Its z is gap floats longer from column to column
// than it must be; inPlace, it is where the sums are.
func (c *gateCall) gates(format weightFormat, r *rack, last bool, gap int, inPlace bool) *kernelCall {
	c.format = format
	what := fmt.Sprintf("gates of %v weights, %s", format, c)
	zStride := panel.Gates*panel.PaddedUnits(c.units) + gap
	a := c.arguments()
	for i := range c.columns {
		a = append(a, c.x(i))
	}
	z := sumsArgument
	if inPlace {
		what += " in place"
		zStride = c.columnStride()
	} else {
		z = len(a)
		a = append(a, argument{name: "z", floats: sentinels((c.columns-1)*zStride + panel.Gates*panel.PaddedUnits(c.units))})
	}
	columns := func(m [][]float32) []column {
		var list []column
		for _, x := range m[otherArguments:][:c.columns] {
			list = append(list, column{x: c.vector(x, c.n)})
		}
		return list
	}
	return &kernelCall{
		what:      what,
		arguments: a,
		kernel: func(m [][]float32) {
			from, p := c.places(m)
			gates(format, from, p, r.guardedColumns(columns(m), last), c.units, m[z], zStride)
		},
		twin: func(m [][]float32) {
			from, p := c.places(m)
			gatesGeneric(format, from, p, columns(m), c.units, m[z], zStride)
		},
	}
}

// maxSize is the largest number of units and of elements in the tests of every
// size; more than four panels, and seventeen blocks of the longest unrolling.
const maxSize = 70

// cells is the call of cells on z that is gap floats longer from column to column
// than it must be.
func (c *gateCall) cells(cell cellKind, r *rack, last bool, gap int) *kernelCall {
	padded := panel.PaddedUnits(c.units)
	zStride := panel.Gates*padded + gap
	z := argument{name: "z", floats: sentinels((c.columns-1)*zStride + panel.Gates*padded)}
	parameters := argument{name: "parameters", floats: sentinels(cell.vectors() * padded)}
	c.eachUnit(func(p, lane, width int) {
		for i := range c.columns {
			for g := range panel.Gates {
				z.floats[i*zStride+p*panel.RowFloats+g*width+lane] = c.kind.sum(c.rand, c.n)
			}
		}
		unit := c.parameters()
		for v, name := range gen.Cells[cell].Parameters {
			parameter, ok := unit[name]
			if !ok {
				panic("the tests of kernels have no parameter " + name)
			}
			parameters.floats[p*cell.vectors()*panel.Units+v*width+lane] = parameter
		}
	})
	a := []argument{z, parameters}
	for i := range c.columns {
		cell, hidden := c.state(i)
		a = append(a, cell, hidden)
	}
	columns := func(m [][]float32) []column {
		var list []column
		for m := m[2:]; len(m) > 0; m = m[2:] {
			list = append(list, column{c: m[0], h: m[1]})
		}
		return list
	}
	return &kernelCall{
		what:      fmt.Sprintf("cells, %v, of %s: %d units, %d columns", cell, c.kind.name, c.units, c.columns),
		arguments: a,
		kernel: func(m [][]float32) {
			cells(cell, m[0], zStride, m[1], r.guardedColumns(columns(m), last))
		},
		twin: func(m [][]float32) { cellsGeneric(cell, m[0], zStride, m[1], columns(m)) },
	}
}

// stage is the call of stages on slots that are gap floats longer than they must be,
// and z likewise from column to column. What lies behind the last column of a slot is
// nobody's, but no sentinel: slots follow one another.
func (c *gateCall) stage(s cellStage, r *rack, last bool, gap int) *kernelCall {
	padded := panel.PaddedUnits(c.units)
	zStride, slotStride := panel.Gates*padded+gap, c.columns*padded+gap
	z := argument{name: "z", floats: sentinels((c.columns-1)*zStride + panel.Gates*padded)}
	slots := argument{name: "slots", floats: sentinels((panel.Gates-1)*slotStride + c.columns*padded)}
	parameters := argument{name: "parameters", floats: sentinels(stageVectors * padded)}
	fill := func(p, lane, width int, unit map[string]float32) {
		for i := range c.columns {
			for g := range panel.Gates {
				z.floats[i*zStride+p*panel.RowFloats+g*width+lane] = c.kind.sum(c.rand, c.n)
				slots.floats[g*slotStride+i*padded+p*panel.Units+lane] = c.kind.sum(c.rand, c.n)
			}
		}
		for v, name := range gen.StageParameters {
			parameters.floats[p*stageVectors*panel.Units+v*width+lane] = unit[name]
		}
	}
	c.eachUnit(func(p, lane, width int) {
		unit := c.parameters()
		if c.rand.IntN(2) == 0 { // activations other than σ have gates of any sum
			unit["gateLeast"], unit["gateMost"] = -unit["cellMost"], unit["cellMost"]
		}
		fill(p, lane, width, unit)
	})
	// What pads the last panel is computed like the rest, of numbers like the rest.
	for u := c.units; u < padded; u++ {
		p := u / panel.Units
		fill(p, u%panel.Units, panel.Width(c.units-p*panel.Units), c.parameters())
	}
	a := []argument{z, slots, parameters}
	for i := range c.columns {
		cell, hidden := c.state(i)
		cell.free = 0
		for u := c.units; u < padded; u++ {
			cell.floats[u] = c.kind.sum(c.rand, c.n)
		}
		a = append(a, cell, hidden)
	}
	columns := func(m [][]float32) []column {
		var list []column
		for m := m[3:]; len(m) > 0; m = m[2:] {
			list = append(list, column{c: m[0], h: m[1]})
		}
		return list
	}
	return &kernelCall{
		what:      fmt.Sprintf("stage %v of %s: %d units, %d columns", s, c.kind.name, c.units, c.columns),
		arguments: a,
		kernel: func(m [][]float32) {
			stages(s, m[0], zStride, m[1], slotStride, m[2], r.guardedColumns(columns(m), last))
		},
		twin: func(m [][]float32) { stagesGeneric(s, m[0], zStride, m[1], slotStride, m[2], columns(m)) },
	}
}

// parameters are those of a unit's cell, by name: peepholes of any kind, limits as
// cells may have them.
func (c *gateCall) parameters() map[string]float32 {
	peephole := func() float32 { return kinds[c.rand.IntN(len(kinds))].sum(c.rand, c.n) }
	clip := func() float32 {
		return [...]float32{lstmtest.Inf, lstmtest.MaxFloat, 50, 1, c.rand.Float32() + 0.1, contract.Tiny}[c.rand.IntN(6)]
	}
	limits := cellLimits(clip(), clip())
	return map[string]float32{
		"peepholeI": peephole(), "peepholeF": peephole(), "peepholeO": peephole(),
		"gateLeast": limits.gateLeast, "gateMost": limits.gateMost, "candidateMost": limits.candidateMost,
		"cellMost": limits.cellMost, "outputMost": limits.outputMost,
	}
}

// choices returns the values that choose among the kernels of a function.
func choices[T ~int](t *testing.T, function string) []T {
	t.Helper()
	for _, f := range gen.Functions {
		if f.Name == function && f.Choice != nil {
			values := make([]T, len(f.Kernels))
			for i := range values {
				values[i] = T(i)
			}
			return values
		}
	}
	t.Fatalf("no function %s chooses among kernels", function)
	return nil
}

// eachOwner runs a test on each path that has kernels of that function of its own:
// others have been tested by then.
func eachOwner(t *testing.T, function string, test func(t *testing.T)) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		if owns(function, -1) {
			test(t)
		}
	})
}

// owns reports whether the path in use has a kernel of its own for that value of the
// function's choice, or the last if that is -1. Pure Go has every kernel.
func owns(function string, choice int) bool {
	tuning := slices.IndexFunc(gen.Tunings, func(t *gen.Tuning) bool { return t.Name == dispatch.All[dispatch.Active()].Suffix })
	if tuning < 0 {
		return true
	}
	for _, f := range gen.Functions {
		if f.Name == function {
			if choice < 0 {
				choice = len(f.Kernels) - 1
			}
			return gen.Tunings[tuning].Has(f.Kernels[choice])
		}
	}
	panic("there is no function " + function)
}

// Every function of the list has a test here, and there are no others.
func TestEveryKernelIsTested(t *testing.T) {
	tested := map[string]bool{"step": true, "stepInt8": true, "stepInt8Digits": true, "quantise": true, "quantiseDigits": true, "stepFloat16": true, "stepTile": true, "gates": true, "cells": true, "stages": true, "head": true, "headFloat16": true, "elements": true}
	for _, f := range gen.Functions {
		require.True(t, tested[f.Name], "%s needs a test of all sizes and one in TestKernelOffsets", f.Name)
		delete(tested, f.Name)
	}
	require.Empty(t, tested)
}

// eachSize calls test with every number of units and of elements up to maxSize,
// and some larger. A part of them, in which each number and each remainder still
// occurs, is enough for a short run, and for the twins compared with themselves,
// which only shows that the calls are sound. seed is different in every call.
func eachSize(test func(units, n, seed int)) { eachSizeOf(false, test) }

func eachSizeOf(few bool, test func(units, n, seed int)) {
	const part = 23
	few = few || inPart()
	seed := 0
	for units := 1; units <= maxSize; units++ {
		for n := 1; n <= maxSize; n++ {
			if seed++; few && (5*units+n)%part != 0 {
				continue
			}
			test(units, n, seed)
		}
	}
	for _, size := range largeSizes {
		seed++
		test(size[0], size[1], seed)
	}
}

var largeSizes = [][2]int{{1, 500}, {8, 257}, {100, 3}, {129, 66}, {33, 333}, {200, 1}}

// floatsFor is enough for any argument of a gateCall of these sizes.
const floatsFor = 1 << 16

func TestStepKernel(t *testing.T) {
	eachOwner(t, "step", func(t *testing.T) {
		rack := newRack(t, floatsFor)
		for _, format := range slices.Sorted(maps.Keys(stepKernels)) {
			eachSize(func(units, n, seed int) {
				r := lstmtest.NewRand(101, seed)
				c := gateCall{
					units: units, n: n, skip: r.IntN(3) * r.IntN(9), after: r.IntN(3),
					columns: 1, kind: &kinds[(units+n)%len(kinds)], rand: r, bias: r.IntN(2) == 0, panelGap: r.IntN(3) * r.IntN(40),
				}
				rack.check(t, c.step(format), atFirst, atLast, apart(seed))
			})
		}
	})
}

func TestStepTileKernel(t *testing.T) {
	eachOwner(t, "stepTile", func(t *testing.T) {
		rack := newRack(t, floatsFor)
		eachSize(func(units, n, seed int) {
			r := lstmtest.NewRand(102, seed)
			c := gateCall{
				units: units, n: n, skip: r.IntN(3) * r.IntN(9), after: r.IntN(3),
				columns: 1 + (units+2*n)%panel.MaxColumns, kind: &kinds[(units+n)%len(kinds)], rand: r, bias: r.IntN(2) == 0,
				panelGap: r.IntN(2) * r.IntN(20), columnGap: r.IntN(2) * r.IntN(20),
			}
			rack.check(t, c.tile(rack, false), atFirst, apart(seed))
			rack.check(t, c.tile(rack, true), atLast)
		})
	})
}

func TestGatesKernels(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		rack := newRack(t, floatsFor)
		for _, format := range choices[weightFormat](t, "gates") {
			if !owns("gates", int(format)) {
				continue
			}
			eachSizeOf(format != float32Weights, func(units, n, seed int) {
				r := lstmtest.NewRand(103, seed)
				c := gateCall{
					units: units, n: n, skip: r.IntN(3) * r.IntN(9), after: r.IntN(3),
					columns: 1 + (units+2*n)%panel.MaxColumns, kind: &kinds[(units+n)%len(kinds)], rand: r, bias: r.IntN(2) == 0,
					columnGap: r.IntN(2) * r.IntN(20),
				}
				rack.check(t, c.gates(format, rack, false, r.IntN(20), !c.bias), atFirst, apart(seed))
				rack.check(t, c.gates(format, rack, true, r.IntN(20), false), atLast)
			})
		}
	})
}

func TestCellsKernels(t *testing.T) {
	eachOwner(t, "cells", func(t *testing.T) {
		rack := newRack(t, floatsFor)
		for _, cell := range choices[cellKind](t, "cells") {
			for units := 1; units <= maxSize; units++ {
				for columns := 1; columns <= panel.MaxColumns; columns++ {
					if testing.Short() && columns != 1+units%panel.MaxColumns {
						continue
					}
					r := lstmtest.NewRand(109, units, columns)
					c := gateCall{units: units, n: 1, columns: columns, kind: &kinds[(units+columns)%len(kinds)], rand: r}
					rack.check(t, c.cells(cell, rack, false, r.IntN(20)), atFirst, apart(units))
					rack.check(t, c.cells(cell, rack, true, r.IntN(20)), atLast)
				}
			}
		}
	})
}

func TestStageKernels(t *testing.T) {
	eachOwner(t, "stages", func(t *testing.T) {
		rack := newRack(t, floatsFor)
		for _, s := range choices[cellStage](t, "stages") {
			for units := 1; units <= maxSize; units++ {
				for columns := 1; columns <= panel.MaxColumns; columns++ {
					if testing.Short() && columns != 1+units%panel.MaxColumns {
						continue
					}
					r := lstmtest.NewRand(110, units, columns)
					c := gateCall{units: units, n: 1, columns: columns, kind: &kinds[(units+columns)%len(kinds)], rand: r}
					rack.check(t, c.stage(s, rack, false, r.IntN(20)), atFirst, apart(units))
					rack.check(t, c.stage(s, rack, true, r.IntN(20)), atLast)
				}
			}
		}
	})
}

// Every kernel from every offset within a vector, with numbers of every kind.
func TestKernelOffsets(t *testing.T) {
	lstmtest.EveryPath(t, func(t *testing.T) {
		rack := newRack(t, floatsFor)
		var offsets []placement
		for offset := range maxOffset + 1 {
			offsets = append(offsets, atOffset(offset))
		}
		for _, units := range []int{3, 8, 13, 16, 20, 25, 33} {
			for i := range kinds {
				for n := 1; n <= 9; n += 2 {
					r := lstmtest.NewRand(104, units, i, n)
					c := gateCall{
						units: units, n: n, skip: n % 2, columns: 1, kind: &kinds[i], rand: r, bias: i%2 == 0,
					}
					if owns("stepInt8", -1) {
						c.m = 1 + r.IntN(9)
						rack.check(t, c.stepInt8(int8Weights), offsets...)
						rack.check(t, c.stepInt8(int8DigitsWeights), offsets...)
						c.m, c.format = 0, float32Weights
					}
					c.columns = 1 + r.IntN(panel.MaxColumns)
					for _, format := range choices[weightFormat](t, "gates") {
						if owns("gates", int(format)) {
							rack.check(t, c.gates(format, rack, true, 0, !c.bias), offsets...)
						}
					}
					if !owns("step", -1) {
						continue
					}
					c.columns, c.format = 1, float32Weights
					for _, format := range slices.Sorted(maps.Keys(stepKernels)) {
						rack.check(t, c.step(format), offsets...)
					}
					c.format = float32Weights
					c.columns = 1 + r.IntN(panel.MaxColumns)
					rack.check(t, c.tile(rack, true), offsets...)
					if n == 1 {
						for _, cell := range choices[cellKind](t, "cells") {
							rack.check(t, c.cells(cell, rack, true, 0), offsets...)
						}
						for _, s := range choices[cellStage](t, "stages") {
							rack.check(t, c.stage(s, rack, true, 0), offsets...)
						}
					}
				}
			}
		}
		if owns("quantise", -1) {
			for n := 1; n <= 40; n += 3 {
				for _, digits := range []bool{false, true} {
					rack.check(t, quantiseCall(lstmtest.NewRand(112, n), n, digits), offsets...)
				}
			}
		}
		if !owns("head", -1) {
			return
		}
		for i := range kinds {
			for _, outputs := range []int{1, 3, 4, 7} {
				for _, format := range slices.Sorted(maps.Keys(headKernels)) {
					rack.check(t, headCall(lstmtest.NewRand(105, outputs), &kinds[i], format, 3*contract.HeadSums, outputs), offsets...)
				}
			}
		}
		for blocks := 1; blocks <= 5; blocks++ {
			for _, f := range choices[function](t, "elements") {
				for _, inPlace := range []bool{false, true} {
					rack.check(t, elementsCall(lstmtest.NewRand(106, blocks), f, blocks*panel.ElementBlock, inPlace), offsets...)
				}
			}
		}
	})
}

// headKernels are the heads of each format that has one, and their twins.
var headKernels = map[weightFormat]struct {
	kernel, twin func(weights, bias, x, y []float32)
}{
	float32Weights: {head, headGeneric},
	float16Weights: {headFloat16, headFloat16Generic},
}

func headCall(r *rand.Rand, k *kind, format weightFormat, inputs, outputs int) *kernelCall {
	of := headKernels[format]
	return &kernelCall{
		what: fmt.Sprintf("head of %v weights, %s: %d inputs, %d outputs", format, k.name, inputs, outputs),
		arguments: []argument{
			{name: "weights", floats: inFormat(format, numbers(r, inputs*outputs, inputs/contract.HeadSums, k.weight))},
			{name: "bias", floats: numbers(r, outputs, 1, k.sum)},
			{name: "x", floats: numbers(r, inputs, inputs, k.x)},
			{name: "y", floats: sentinels(outputs)},
		},
		kernel: func(m [][]float32) { of.kernel(m[0], m[1], m[2], m[3]) },
		twin:   func(m [][]float32) { of.twin(m[0], m[1], m[2], m[3]) },
	}
}

func TestHeadKernel(t *testing.T) {
	eachOwner(t, "head", func(t *testing.T) {
		rack := newRack(t, floatsFor)
		for _, outputs := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 33} {
			for _, blocks := range []int{1, 2, 3, 4, 5, 8, 31} {
				for i := range kinds {
					for _, format := range slices.Sorted(maps.Keys(headKernels)) {
						r := lstmtest.NewRand(107, outputs, blocks, i)
						rack.check(t, headCall(r, &kinds[i], format, blocks*contract.HeadSums, outputs), atFirst, atLast, apart(i))
					}
				}
			}
		}
	})
}

// elementsCall takes numbers of all magnitudes, half of them where the
// functions are neither linear nor constant.
func elementsCall(r *rand.Rand, f function, n int, inPlace bool) *kernelCall {
	x := lstmtest.Awkwards(r, n, 5)
	for i := range x {
		if r.IntN(2) == 0 {
			x[i] = math.Float32frombits(r.Uint32())
		}
	}
	call := &kernelCall{
		what:      fmt.Sprintf("%v of %d elements", f, n),
		arguments: []argument{{name: "parameters", floats: elementParameters(r)}, {name: "x", floats: x}, {name: "dst", floats: sentinels(n)}},
		kernel:    func(m [][]float32) { elements(f, m[0], m[2], m[1]) },
		twin:      func(m [][]float32) { elementsGeneric(f, m[0], m[2], m[1]) },
	}
	if inPlace {
		call.what += " in place"
		call.arguments = call.arguments[:2]
		call.kernel = func(m [][]float32) { elements(f, m[0], m[1], m[1]) }
		call.twin = func(m [][]float32) { elementsGeneric(f, m[0], m[1], m[1]) }
	}
	return call
}

// elementParameters are α and β, ordinary ones or those that are something special.
func elementParameters(r *rand.Rand) []float32 {
	var parameters []float32
	for range 2 {
		v := normal(r)
		if r.IntN(2) == 0 {
			special := []float32{0, 1, -1, contract.Tiny, -contract.Tiny, maxFloat, -maxFloat, least}
			v = special[r.IntN(len(special))]
		}
		parameters = append(parameters, slices.Repeat([]float32{v}, panel.ElementBlock)...)
	}
	return parameters
}

func TestElementsKernel(t *testing.T) {
	eachOwner(t, "elements", func(t *testing.T) {
		rack := newRack(t, floatsFor)
		blocks := []int{300, maxElements / panel.ElementBlock}
		for n := range maxSize {
			blocks = append(blocks, n+1)
		}
		for _, n := range blocks {
			for _, f := range choices[function](t, "elements") {
				for _, inPlace := range []bool{false, true} {
					r := lstmtest.NewRand(108, n, int(f))
					rack.check(t, elementsCall(r, f, n*panel.ElementBlock, inPlace), atFirst, atLast, apart(n))
				}
			}
		}
	})
}

// The harness itself sees what it is there to see.
func TestKernelHarness(t *testing.T) {
	rack := newRack(t, 100)
	const n = 10
	flawed := func(flaw func(p *float32)) error {
		call := &kernelCall{
			arguments: []argument{{name: "a", floats: make([]float32, n)}, {name: "b", floats: make([]float32, n), free: 2}},
			kernel:    func(m [][]float32) { flaw(unsafe.SliceData(m[1])) },
		}
		want := [][]float32{make([]float32, n), make([]float32, n)}
		return errors.Join(rack.try(call, atOffset(3), want), rack.try(call, atLast, want))
	}
	at := func(p *float32, i int) *float32 { return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*i)) }
	require.NoError(t, flawed(func(p *float32) {}))
	require.NoError(t, flawed(func(p *float32) { *at(p, n-2) = 1 }), "free")
	require.ErrorContains(t, flawed(func(p *float32) { *p = 1 }), "b[0] is 0x1p+00 (0x3f800000), want 0x0p+00 (0x00000000)")
	require.ErrorContains(t, flawed(func(p *float32) { *p = float32(math.Copysign(0, -1)) }), "b[0] is -0x0p+00")
	require.ErrorContains(t, flawed(func(p *float32) { *at(p, n-3) = 1 }), "b[7] is")
	require.ErrorContains(t, flawed(func(p *float32) { *at(p, -1) = 1 }), "b[-1], before it begins, has changed")
	require.ErrorContains(t, flawed(func(p *float32) { *at(p, n) = 1 }), "b[10] has changed, and it has only 10 elements")
	if guard.Pages {
		for _, access := range []func(p *float32){
			func(p *float32) { *at(p, n) = 1 },
			func(p *float32) { *at(p, 0) = *at(p, n) },
		} {
			require.ErrorContains(t, flawed(access), "where no memory is; nearest is b at ")
		}
	}
}
