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
	for _, p := range packs {
		kernels := gen.Kernels(p.functions)
		m := x86.New("amd64,!purego,!noasm")
		for _, t := range []*gen.Tuning{&gen.AVX2, &gen.AVX512} {
			for _, k := range kernels {
				gen.Emit(m, t, k)
			}
		}
		code, err := m.Print(p.config())
		if err != nil {
			return nil, fmt.Errorf("amd64: %s: %w", p.file, err)
		}
		files = append(files, file{p.path("_amd64.s"), code})

		n := neon.New("arm64,!purego,!noasm")
		for _, k := range kernels {
			gen.Emit(n, &gen.NEON, k)
		}
		if code, err = n.Print(p.config()); err != nil {
			return nil, fmt.Errorf("arm64: %s: %w", p.file, err)
		}
		files = append(files, file{p.path("_arm64.s"), code})

		goFiles, err := p.goFiles()
		if err != nil {
			return nil, err
		}
		files = append(files, goFiles...)
	}
	return files, nil
}

func (p *pack) config() printer.Config {
	return printer.Config{Name: "go generate", Argv: []string{"go", "generate"}, Pkg: p.name}
}

// path is the name of a file of the package, with that ending.
func (p *pack) path(ending string) string { return filepath.Join(p.dir, p.file+ending) }
