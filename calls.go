package lstm

import (
	"example.com/lstm/internal/dispatch"
	"example.com/lstm/internal/panel"
)

// This file cuts the work of an LSTM layer and of a Linear one into kernel calls.
//
// A call into assembly cannot be interrupted, and the garbage collector waits
// for it with every other goroutine stopped. So each is held to about ten
// microseconds, by what limits it: the weights it reads when each is used
// once, the multiplications when a tile uses each weight several times, and the
// activations of cells.
const (
	maxCallFloats = 1 << 16 // weights of a call, 256 KiB

	// maxTileMACs bounds a tile call. At the FMA peak of 256-bit registers, about
	// 50 multiplications a nanosecond, it takes five microseconds, and up to ten
	// when it is the first to use its weights and has them from memory. A Neoverse
	// N1 at 2.5 GHz, the slowest server there is, multiplies 20 pairs a nanosecond
	// with its two units, so that this is 13 microseconds.
	maxTileMACs = 1 << 18

	// maxCallUnits bounds the cells of a call, each of five activations, for chains so
	// short that the weights do not: that of a large layer with a small projection.
	maxCallUnits = 1 << 11

	maxStepChain = maxCallFloats / panel.RowFloats                    // longest x of step
	maxTileChain = maxTileMACs / (panel.MaxColumns * panel.RowFloats) // longest x of a tile

	// maxFloat16Floats is maxCallFloats of weights in float16, which are half as large
	// and take as long as others to be multiplied.
	maxFloat16Floats = 2 * maxCallFloats
	maxFloat16Chain  = maxFloat16Floats / panel.RowFloats

	rowBytes = 4 * panel.RowFloats // int8 weights in a row of a panel
)

// byteMACs bounds the multiplications of a call with int8 weights. AVX2 does about 85
// of them a nanosecond, instructions made for such products 80 on a Neoverse N1 and 300
// and more on others, and Arm processors that lack these as many as of float32.
func byteMACs() int {
	switch dispatch.Active() {
	case dispatch.NEON:
		return maxTileMACs
	case dispatch.NEONDot, dispatch.AVX512VNNI:
		return 4 * maxTileMACs
	}
	return 2 * maxTileMACs
}

// A chain that is too long for a step is cut as a tile of one column.
const _ = uint(maxStepChain - maxTileChain)

// step is the kernel of that name in calls of bounded length.
func (p panels) step(from chainStart, x, c, h []float32) {
	if len(x) > maxStepChain {
		columns := [1]column{{x: x, c: c, h: h}}
		p.stepTile(from, columns[:])
		return
	}
	units := min(max(1, maxCallFloats/(panel.RowFloats*len(x)))*panel.Units, maxCallUnits)
	for len(h) > units {
		step(&from, &p, x, c, h[:units])
		from, p = from.advance(units), p.advance(units)
		c, h = c[units:], h[units:]
	}
	step(&from, &p, x, c, h)
}

// tileUnits is how many units' sums a tile of that many columns may make in a call.
// Of int8 weights the blocks say how long chains are.
func (p *panels) tileUnits(columns, chain int) int {
	if p.blocks != nil {
		return p.blockUnits(columns)
	}
	most := maxCallFloats
	if p.format == float16Weights {
		most = maxFloat16Floats
	}
	floats := min(maxTileMACs/columns, most) // weights of a call
	return max(1, floats/(panel.RowFloats*chain)) * panel.Units
}

// blockUnits is tileUnits of int8 weights, whose calls take a block each.
func (p *panels) blockUnits(columns int) int {
	work := 0
	for i := range p.blocks {
		work = max(work, p.blocks[i].work())
	}
	return max(1, min(byteMACs()/(columns*rowBytes), maxStepChain)/work) * panel.Units
}

// cellUnits is how many units such a tile may also update in the call.
func (p *panels) cellUnits(columns, chain int) int {
	return min(p.tileUnits(columns, chain), maxCallUnits/columns/panel.Units*panel.Units)
}

// rowFloats is the floats of memory that a row of a panel takes.
func (p *panels) rowFloats() int {
	if p.format == float16Weights {
		return panel.RowFloats / 2
	}
	return panel.RowFloats
}

// rows is how many rows of a panel have the weights of a chain of that length, or of
// the blocks.
func (p *panels) rows(chain int) int {
	if p.blocks == nil {
		return chain
	}
	last := &p.blocks[len(p.blocks)-1]
	return last.row + 1 + panel.Groups(last.elements) - p.blocks[0].row
}

// share is what tile t of the calls before p asks memory for, of the weights that
// the call of p reads: that many units, and of each row that it takes the chain,
// see panel.PrefetchTiles. Where a call takes several panels, rows that it does not
// take are asked for, too; such layers fit a cache.
func (p *panels) share(t, units, chain int) []float32 {
	row := p.rowFloats()
	tiles := row / panel.PrefetchFloats
	first, each := 0, units/panel.Units*p.stride/tiles
	if units == panel.Units {
		first, each = p.skip*row, p.rows(chain)*panel.PrefetchFloats
	}
	if t >= tiles || first+(t+1)*each > len(p.floats) {
		return nil
	}
	return p.floats[first+t*each:]
}

// stepTile is the kernel of that name for no more than cellUnits units, in
// calls of bounded length.
func (p panels) stepTile(from chainStart, columns []column) {
	chain := len(columns[0].x)
	if chain <= maxTileChain {
		stepTile(&from, &p, columns)
		return
	}
	p.stepLongTile(from, columns)
}

// stepLongTile is stepTile for a chain that is too long for one call: the sums
// of each panel stop over in memory.
func (p panels) stepLongTile(from chainStart, columns []column) {
	var sums [panel.MaxColumns * panel.RowFloats]float32
	var part [panel.MaxColumns]column
	hidden := len(columns[0].h)
	for u := 0; u < hidden; u += panel.Units {
		units := min(panel.Units, hidden-u)
		chain := len(columns[0].x)
		last := (chain - 1) / maxTileChain * maxTileChain
		for i := range columns {
			part[i].x = columns[i].x[:last]
		}
		p.gates(from, part[:len(columns)], units, sums[:], panel.RowFloats)
		for i := range columns {
			col := &columns[i]
			part[i] = column{x: col.x[last:], c: col.c[u:], h: col.h[u : u+units]}
		}
		rest := p
		rest.skip += last
		rest.prefetch = skipLines(p.prefetch, last)
		stopped := chainStart{sums: sums[:], columnStride: panel.RowFloats}
		stepTile(&stopped, &rest, part[:len(columns)])
		from, p = from.advance(units), p.advance(units)
	}
}

// gates is the kernel of that name for no more than tileUnits units, in calls of
// bounded length: where one stops, the sums wait in z. Where weights are int8, x of a
// column is the memory of its quantised vectors.
func (p panels) gates(from chainStart, columns []column, units int, z []float32, zStride int) {
	if p.blocks != nil {
		p.blockGates(from, columns, units, z, zStride)
		return
	}
	var part [panel.MaxColumns]column
	chain := len(columns[0].x)
	for k := 0; k < chain; k += maxTileChain {
		for i := range columns {
			part[i].x = columns[i].x[k:min(k+maxTileChain, chain)]
		}
		gates(p.format, &from, &p, part[:len(columns)], units, z, zStride)
		from = chainStart{sums: z, stride: panel.RowFloats, columnStride: zStride}
		p.skip += maxTileChain
		p.prefetch = skipLines(p.prefetch, maxTileChain)
	}
}

// blockGates is gates of int8 weights, block after block. A block is not cut, so that a
// long one leaves a call fewer columns.
func (p panels) blockGates(from chainStart, columns []column, units int, z []float32, zStride int) {
	var part [panel.MaxColumns]column
	for i := range p.blocks {
		b := &p.blocks[i]
		p.skip = b.row
		calls := divideUp(len(columns)*b.work()*rowBytes, byteMACs())
		width := divideUp(len(columns), min(calls, len(columns)))
		for first := 0; first < len(columns); first += width {
			some := columns[first:min(first+width, len(columns))]
			for i := range some {
				part[i].x = b.of(some[i].x)
			}
			start := from.column(first)
			gates(b.format, &start, &p, part[:len(some)], units, z[first*zStride:], zStride)
		}
		from = chainStart{sums: z, stride: panel.RowFloats, columnStride: zStride}
		p.prefetch = skipLines(p.prefetch, b.floats-panel.BlockHeader)
	}
}

// stepFloat16 is the kernel of that name in calls of bounded length.
func (p *panels) stepFloat16(from *chainStart, x, c, h []float32) {
	units := min(max(1, maxFloat16Floats/(panel.RowFloats*len(x)))*panel.Units, maxCallUnits)
	if len(h) <= units {
		stepFloat16(from, p, x, c, h)
		return
	}
	start, rest := *from, *p
	for ; len(h) > units; c, h = c[units:], h[units:] {
		stepFloat16(&start, &rest, x, c, h[:units])
		start, rest = start.advance(units), rest.advance(units)
	}
	stepFloat16(&start, &rest, x, c, h)
}

// stepInt8 is the kernels of that name in calls of bounded length, for one block each
// of x and of h, or of h alone, where sums have taken in x.
func (p *panels) stepInt8(from *chainStart, memory, c, h []float32) {
	last := &p.blocks[len(p.blocks)-1]
	b := stepBlocks{h: last.of(memory)}
	work := last.work()
	if len(p.blocks) > 1 {
		first := &p.blocks[0]
		b.x, b.digits = first.of(memory), first.format == int8DigitsWeights
		work += first.work()
	}
	units := min(max(1, maxStepChain/work)*panel.Units, maxCallUnits)
	if len(h) <= units {
		b.step(from, p, c, h)
		return
	}
	start, rest := *from, *p
	for ; len(h) > units; c, h = c[units:], h[units:] {
		b.step(&start, &rest, c, h[:units])
		start, rest = start.advance(units), rest.advance(units)
	}
	b.step(&start, &rest, c, h)
}

// stepBlocks are the blocks that a step takes: that of x, if there is one, perhaps of
// digits, and that of h.
type stepBlocks struct {
	x, h   []float32
	digits bool
}

func (b *stepBlocks) step(from *chainStart, p *panels, c, h []float32) {
	if b.digits {
		stepInt8Digits(from, p, b.x, b.h, c, h)
	} else {
		stepInt8(from, p, b.x, b.h, c, h)
	}
}

// skipLines drops what a call with a chain of that length has asked for.
func skipLines(prefetch []float32, chain int) []float32 {
	return prefetch[min(chain*panel.PrefetchFloats, len(prefetch)):]
}
