package main

import (
	"fmt"
	"path/filepath"

	"example.com/lstm/asm/neon"
	"example.com/lstm/asm/x86"
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
	var files []file
	for _, set := range []struct {
		dir, pkg, name string
		kernels        []*gen.Kernel
	}{
		{"", "lstm", "kernels", gen.Kernels},
		{"internal/peak", "peak", "peak", gen.Peaks},
	} {
		cfg := printer.Config{Name: "go generate", Argv: []string{"go", "generate"}, Pkg: set.pkg}
		base := filepath.Join(set.dir, set.name)

		m := x86.New("amd64,!purego,!noasm")
		for _, t := range []*gen.Tuning{&gen.AVX2, &gen.AVX512} {
			for _, k := range set.kernels {
				gen.Emit(m, t, k)
			}
		}
		code, stubs, err := m.Print(cfg)
		if err != nil {
			return nil, fmt.Errorf("amd64: %s: %w", set.name, err)
		}
		files = append(files, file{base + "_amd64.s", code}, file{base + "_amd64.go", stubs})

		n := neon.New("arm64,!purego,!noasm")
		for _, k := range set.kernels {
			gen.Emit(n, &gen.NEON, k)
		}
		if code, stubs, err = n.Print(cfg); err != nil {
			return nil, fmt.Errorf("arm64: %s: %w", set.name, err)
		}
		files = append(files, file{base + "_arm64.s", code}, file{base + "_arm64.go", stubs})
	}
	return files, nil
}
