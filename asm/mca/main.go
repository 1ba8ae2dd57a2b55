// The command mca says how fast the inner loops of the NEON kernels can run on
// cores that are not at hand: it assembles the committed file, disassembles the
// object, and asks llvm-mca, LLVM's model of processors, how many cycles an
// iteration of each loop takes when everything is in the first-level cache. The
// table it prints is explained in docs/neon.md. From the root of the repository:
//
//	go run ./asm/mca
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// core is a processor as llvm-mca knows it.
type core struct {
	name string
	// dispatch is the number of micro-operations that enter the queues in a
	// cycle, from Arm's Software Optimization Guide: LLVM's models have less than
	// that, and count more micro-operations. 0 is what LLVM has.
	dispatch int
	dot      bool // it has products of int8
}

var cores = []core{
	{"neoverse-n1", 8, true},
	{"neoverse-v1", 16, true},
	{"neoverse-v2", 16, true},
	{"cortex-a72", 0, false},
	{"apple-m1", 0, true},
}

// loop is an inner loop, by the label at its beginning. An iteration is that
// many units of work.
type loop struct {
	title, function, label string
	units                  float64
}

var loops = []loop{
	{"step, a panel of 16 units", "stepNEON", "wide_block", 4},
	{"step, panels of 16 and 8 units", "stepNEON", "wide_narrow_block", 6},
	{"step, a panel of 8 units", "stepNEON", "narrow_block", 2},
	{"tile, 1 column", "stepTileNEON", "wide_1_block", 4}, // whole rows
	{"tile, 2 columns", "stepTileNEON", "wide_2_block", 2},
	{"tile, 3 columns", "stepTileNEON", "wide_3_block", 3},
	{"tile, 4 columns", "stepTileNEON", "wide_4_block", 4},
	{"tile, 5 columns", "stepTileNEON", "wide_5_block", 5},
	{"tile, 6 columns", "stepTileNEON", "wide_6_block", 6},
	{"step, binary16, a panel of 16 units", "stepFloat16NEON", "wide_block", 4},
	{"gates, binary16, 2 columns", "gatesFloat16NEON", "wide_2_block", 2},
	{"gates, binary16, 6 columns", "gatesFloat16NEON", "wide_6_block", 6},
	{"head, binary16, 4 rows", "headFloat16NEON", "sums_4", 1},
	{"step, int8, a panel of 16 units", "stepInt8NEON", "wide_h_0_block", 4},
	{"step, int8, x of 14 bits", "stepInt8DigitsNEON", "wide_x_0_block", 2}, // half a row
	{"gates, int8, 3 columns", "gatesInt8NEON", "wide_3_0_0_block", 0.75},
	{"step, int8 by SDOT, a panel of 16 units", "stepInt8NEONDot", "wide_h_0_block", 4},
	{"step, int8 by SDOT, x of 14 bits", "stepInt8DigitsNEONDot", "wide_x_0_block", 2}, // half a row
	{"gates, int8 by SDOT, 2 columns", "gatesInt8NEONDot", "wide_2_0_0_block", 2},
	{"gates, int8 by SDOT, 6 columns", "gatesInt8NEONDot", "wide_6_0_0_block", 6},
	{"head, 4 rows", "headNEON", "sums_4", 1},
	{"σ", "sigmoidNEON", "vectors_4", 4},
	{"tanh", "tanhNEON", "vectors_4", 4},
}

func main() {
	log.SetFlags(0)
	root := flag.String("root", ".", "folder of the root module")
	llvm := flag.String("llvm", "-22", "what the names of LLVM's tools end with")
	flag.Parse()
	if err := run(*root, *llvm); err != nil {
		log.Fatalln("mca:", err)
	}
}

func run(root, llvm string) error {
	dir, err := os.MkdirTemp("", "mca")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o, err := assemble(filepath.Join(root, "kernels_arm64.s"), dir)
	if err != nil {
		return err
	}
	header, rule := "|", "|---|"
	for _, c := range cores {
		header += " | " + c.name
		rule += "---|"
	}
	fmt.Printf("%s |\n%s\n", header, rule)
	for _, l := range loops {
		words, err := o.loop(l.function, l.label)
		if err != nil {
			return err
		}
		text, err := disassemble(words, llvm)
		if err != nil {
			return err
		}
		row := "| " + l.title
		for _, c := range cores {
			cell, err := c.cell(text, l.units, llvm)
			if err != nil {
				return err
			}
			row += " | " + cell
		}
		fmt.Println(row + " |")
	}
	return nil
}

// cell says what a core makes of a loop: cycles for a unit of work, what its
// busiest port allows, and the ratio; and the cycles if LLVM's dispatch is right.
func (c core) cell(text string, units float64, llvm string) (string, error) {
	if !c.dot && strings.Contains(text, "sdot") {
		return "–", nil
	}
	cycles, bound, err := c.measure(text, c.dispatch, llvm)
	if err != nil {
		return "", err
	}
	cell := fmt.Sprintf("%.1f of %.1f, %.0f %%", bound/units, cycles/units, 100*min(1, bound/cycles))
	if c.dispatch != 0 {
		narrow, _, err := c.measure(text, 0, llvm)
		if err != nil {
			return "", err
		}
		if fmt.Sprintf("%.1f", narrow/units) != fmt.Sprintf("%.1f", cycles/units) {
			cell += fmt.Sprintf(" (%.1f)", narrow/units)
		}
	}
	return cell, nil
}
