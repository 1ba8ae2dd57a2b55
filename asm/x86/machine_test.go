package x86_test

import (
	"testing"

	"example.com/lstm/asm/x86"
	"example.com/lstm/internal/gen"
	"github.com/mmcloughlin/avo/printer"
	"github.com/stretchr/testify/require"
)

// TestTooManyRegisters: a kernel has the registers of its instruction set, and of
// the general ones not the stack's and the frame's pointers.
func TestTooManyRegisters(t *testing.T) {
	vectors := func(n int) func(g *gen.Generator) {
		return func(g *gen.Generator) {
			p := g.Arg("p", "p")
			vs := make([]gen.Vec, n)
			for i := range vs {
				vs[i] = g.Load(p, 0, "")
			}
			for i := range vs {
				g.Store(vs[i], p, 0)
			}
			g.Return()
		}
	}
	pointers := func(n int) func(g *gen.Generator) {
		return func(g *gen.Generator) {
			sum := g.Zero("")
			rs := make([]gen.Reg, n-1)
			for i := range rs {
				rs[i] = g.Arg("p", "")
			}
			for i := range rs {
				g.Add(sum, rs[i])
			}
			g.SetArg("p", sum)
			g.Return()
		}
	}
	for _, tt := range []struct {
		name string
		set  *gen.Tuning
		body func(g *gen.Generator)
		fail string
	}{
		{"16 vectors of AVX2", &gen.AVX2, vectors(16), ""},
		{"17 vectors of AVX2", &gen.AVX2, vectors(17), "kAVX2 needs more than 16 vector registers"},
		{"32 vectors of AVX-512", &gen.AVX512, vectors(32), ""},
		{"33 vectors of AVX-512", &gen.AVX512, vectors(33), "failed to allocate registers"},
		{"14 pointers", &gen.AVX2, pointers(14), ""},
		{"15 pointers", &gen.AVX2, pointers(15), "failed to allocate registers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := x86.New("amd64")
			gen.Emit(m, tt.set, kernel(tt.body))
			_, err := m.Print(printer.Config{Name: "go test", Pkg: "x86"})
			if tt.fail == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, tt.fail)
			}
		})
	}
}

// kernel is a kernel named k with a pointer p.
func kernel(body func(g *gen.Generator)) *gen.Kernel {
	return &gen.Kernel{Name: "k", Does: "does nothing.", Args: []gen.Arg{{Name: "p", Type: "*float32", Value: "p"}}, Body: body}
}
