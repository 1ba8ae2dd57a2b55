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
		for _, goarch := range architectures {
			m := newMachine(goarch)
			for _, t := range gen.Tunings {
				if t.GOARCH != goarch {
					continue
				}
				for _, k := range kernels {
					gen.Emit(m, t, k)
				}
			}
			code, err := m.Print(p.config())
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", goarch, p.file, err)
			}
			files = append(files, file{p.path("_" + goarch + ".s"), code})
		}

		goFiles, err := p.goFiles()
		if err != nil {
			return nil, err
		}
		files = append(files, goFiles...)
	}
	return files, nil
}

// architectures are those that there is assembly for.
var architectures = []string{"amd64", "arm64"}

// A machine is a back-end, which prints what it has been given.
type machine interface {
	gen.Machine
	Print(cfg printer.Config) ([]byte, error)
}

// newMachine begins a file of an architecture.
func newMachine(goarch string) machine {
	constraint := goarch + ",!purego,!noasm"
	switch goarch {
	case "amd64":
		return x86.New(constraint)
	case "arm64":
		return neon.New(constraint)
	}
	panic("asm: no back-end for " + goarch)
}

func (p *pack) config() printer.Config {
	return printer.Config{Name: "go generate", Argv: []string{"go", "generate"}, Pkg: p.name}
}

// path is the name of a file of the package, with that ending.
func (p *pack) path(ending string) string { return filepath.Join(p.dir, p.file+ending) }
