// Package dispatch is the list of paths: the sets of kernels of which each computes
// everything, with one set of instructions, to the same bits. It says which of
// them this machine has and which one is in use, the only state of the process
// that changes.
//
// It is internal because users have no reason to choose: tests and measurements
// do.
package dispatch

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// A Path is one implementation of all kernels.
type Path int32

// The paths, from the most portable to the widest of each architecture.
const (
	Generic  Path = iota // pure Go, the oracle
	Portable             // pure Go, fast
	NEON
	NEONDot
	AVX2
	AVX512
	AVX512VNNI
)

// A Description is what there is to know of a path.
type Description struct {
	Name   string // for users
	Suffix string // of its kernels' names
	GOARCH string // where it is; empty for everywhere
	Lanes  int    // float32 in a vector
	// Base is the path whose kernels it takes where it has none of its own; Generic
	// for none, which means those in Go.
	Base Path
	// Dot says that its own kernels are those of int8 weights alone, by
	// instructions for products of int8; all others are those of Base.
	Dot bool
	// Needs are the sets of instructions that its kernels use, those of the path
	// before included, as the assembly's comments call them. A test compares.
	Needs []string
}

// All describes every path, those of other machines too.
var All = [...]Description{
	Generic:  {Name: "generic", Suffix: "Generic", Lanes: 1},
	Portable: {Name: "portable", Suffix: "Portable", Lanes: 1},
	NEON:     {Name: "neon", Suffix: "NEON", GOARCH: "arm64", Lanes: 4},
	NEONDot: {Name: "neondot", Suffix: "NEONDot", GOARCH: "arm64", Lanes: 4, Base: NEON, Dot: true,
		Needs: []string{"ASIMDDP"}},
	AVX2: {Name: "avx2", Suffix: "AVX2", GOARCH: "amd64", Lanes: 8,
		Needs: []string{"AVX", "AVX2", "FMA3", "F16C"}},
	AVX512: {Name: "avx512", Suffix: "AVX512", GOARCH: "amd64", Lanes: 16, Base: AVX2,
		Needs: []string{"AVX", "AVX2", "FMA3", "F16C", "AVX512F", "AVX512VL", "AVX512DQ", "AVX512BW"}},
	AVX512VNNI: {Name: "avx512vnni", Suffix: "AVX512VNNI", GOARCH: "amd64", Lanes: 16, Base: AVX512, Dot: true,
		Needs: []string{"AVX", "AVX2", "FMA3", "F16C", "AVX512F", "AVX512VL", "AVX512DQ", "AVX512BW", "AVX512VNNI"}},
}

func (p Path) String() string { return All[p].Name }

// Float32 returns the path whose kernels of float32 weights p uses.
func (p Path) Float32() Path {
	for All[p].Dot {
		p = All[p].Base
	}
	return p
}

// Lanes returns the number of float32 in a vector of p, 1 for pure Go.
func (p Path) Lanes() int { return All[p].Lanes }

// PureGo reports whether a path of that name is in Go alone.
func PureGo(name string) bool {
	return name == Generic.String() || name == Portable.String()
}

// available lists the paths of this machine, the best one last.
var available = detect()

// active may change at any time, even between two calls of one step, since no
// path computes anything else.
var active atomic.Int32

func init() { active.Store(int32(Best())) }

// Active returns the path in use.
func Active() Path { return Path(active.Load()) }

// Available returns the names of the paths of this machine, the best one last.
// Generic and Portable are always the first two.
func Available() []string {
	names := make([]string, len(available))
	for i, p := range available {
		names[i] = p.String()
	}
	return names
}

// Named returns the path of this machine with that name.
func Named(name string) (p Path, ok bool) {
	for _, p := range available {
		if p.String() == name {
			return p, true
		}
	}
	return Generic, false
}

// Best returns the last of the paths of this machine.
func Best() Path { return available[len(available)-1] }

// Set chooses a path by its name, for the whole process. It may be called at any
// time.
func Set(name string) error {
	if p, ok := Named(name); ok {
		active.Store(int32(p))
		return nil
	}
	return fmt.Errorf("lstm: path is %q, want one of those that this machine has: %s", name, strings.Join(Available(), ", "))
}
