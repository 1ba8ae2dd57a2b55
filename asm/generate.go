package main

import (
	"fmt"

	"example.com/lstm/internal/gen"
	"github.com/mmcloughlin/avo/printer"
)

// file is a generated file, named relative to the root of the repository.
type file struct {
	name    string
	content []byte
}

// generate makes all generated files.
func generate() ([]file, error) {
	m := newX86()
	m.ctx.ConstraintExpr("amd64,!purego,!noasm")
	for _, t := range []x86Traits{avx2} {
		m.use(t)
		for _, k := range gen.Kernels {
			gen.Emit(m, k)
		}
	}
	code, stubs, err := m.file(printer.Config{Name: "go generate", Argv: []string{"go", "generate"}, Pkg: "lstm"})
	if err != nil {
		return nil, fmt.Errorf("amd64: %w", err)
	}
	return []file{
		{"kernels_amd64.s", code},
		{"kernels_amd64.go", stubs},
	}, nil
}
