package lstmtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/internal/contract"
)

// NewRand returns a generator that depends on the numbers given only.
func NewRand(seed ...int) *rand.Rand {
	h := uint64(14695981039346656037)
	for _, s := range seed {
		h = (h ^ uint64(s)) * 1099511628211
	}
	return rand.New(rand.NewPCG(h, 0x9e3779b97f4a7c15))
}

// Normals returns n numbers that are normally distributed.
func Normals(r *rand.Rand, n int, scale float64) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(r.NormFloat64() * scale)
	}
	return s
}

// Numbers that tests name often.
var (
	Inf = float32(math.Inf(1))
	NaN = float32(math.NaN())

	NegativeZero = float32(math.Copysign(0, -1))

	MaxFloat = float32(math.MaxFloat32)
	Least    = float32(math.SmallestNonzeroFloat32)
)

// Awkward are the values at which kernels go wrong first.
var Awkward = []float32{
	0, NegativeZero, 1, -1,
	Least, -Least, 0x1.fffffcp-127, 0x1p-126, -0x1p-126,
	MaxFloat, -MaxFloat, Inf, -Inf, NaN,
	1 + 0x1p-23, 1 - 0x1p-24, 0x1p-12, 0x1.000002p-12, 0x1p-64, -0x1p-64, 0x1.fffffep-65, -0x1.fffffep-65, contract.Shut, contract.Shut - 0x1p-18, 40, -0x1.5d589ep+6, 0x1.233334p+3, 88.8, -88.8,
}

// Awkwards returns normals with some awkward values among them.
func Awkwards(r *rand.Rand, n int, scale float64) []float32 {
	s := Normals(r, n, scale)
	for i := range s {
		if r.IntN(8) == 0 {
			s[i] = Awkward[r.IntN(len(Awkward))]
		}
	}
	return s
}

// RequireBits fails unless got and want are the same bits, a NaN being a NaN.
func RequireBits(t testing.TB, want, got []float32, what string, args ...any) {
	t.Helper()
	require.Equal(t, len(want), len(got), append([]any{what}, args...)...)
	for i := range want {
		if math.Float32bits(want[i]) != math.Float32bits(got[i]) && (want[i] == want[i] || got[i] == got[i]) {
			t.Fatalf("%s: element %d is %x (%#08x), want %x (%#08x)", fmt.Sprintf(what, args...),
				i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
}

// A State is a State of package lstm.
type State interface {
	H(layer int) []float32
	C(layer int) []float32
}

// Values is everything that a state of that many layers is: a copy of h and of c of
// each layer.
func Values(s State, layers int) (all [][]float32) {
	for l := range layers {
		all = append(all, slices.Clone(s.H(l)), slices.Clone(s.C(l)))
	}
	return all
}

// RequireValues fails unless s is what want, from [Values], says.
func RequireValues(t testing.TB, want [][]float32, s State, what string, args ...any) {
	t.Helper()
	for i, got := range Values(s, len(want)/2) {
		RequireBits(t, want[i], got, what+fmt.Sprintf(": %c of layer %d", "hc"[i%2], i/2), args...)
	}
}
