package load

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// inputs are random numbers from which all requests have parts, so that making a
// request costs next to nothing.
type inputs struct {
	size    int // of a step
	numbers []float32
	raw     []byte // the same in bytes
}

func newInputs(size, mostSteps int, random *rand.Rand) *inputs {
	in := &inputs{size: size, numbers: make([]float32, max(4096, 2*mostSteps)*size)}
	for i := range in.numbers {
		in.numbers[i] = random.Float32()*2 - 1
		in.raw = binary.LittleEndian.AppendUint32(in.raw, math.Float32bits(in.numbers[i]))
	}
	return in
}

// fill sets the input of r, some steps from among all.
func (in *inputs) fill(r *Request, random *rand.Rand) {
	first := random.IntN(len(in.numbers)/in.size - r.Steps + 1)
	from, to := first*in.size, (first+r.Steps)*in.size
	r.X, r.Raw = in.numbers[from:to:to], in.raw[4*from:4*to:4*to]
}

func newRandom(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }
