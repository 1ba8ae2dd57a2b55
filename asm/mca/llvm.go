package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// disassemble turns words into LLVM's assembly.
func disassemble(words []string, llvm string) (string, error) {
	var bytes strings.Builder
	for _, w := range words {
		for i := 6; i >= 0; i -= 2 { // little-endian
			fmt.Fprintf(&bytes, "0x%s ", w[i:i+2])
		}
	}
	c := exec.Command("llvm-mc"+llvm, "--disassemble", "-triple=aarch64", "-mattr=+dotprod")
	c.Stdin = strings.NewReader(bytes.String())
	return output(c)
}

var (
	totalCycles = regexp.MustCompile(`Total Cycles:\s+(\d+)`)
	throughput  = regexp.MustCompile(`Block RThroughput:\s+([\d.]+)`)
)

// Turns of a loop: how long the later ones take is what counts.
const (
	warm = 100
	all  = 300
)

// measure returns the cycles of an iteration of the loop, and how long its busiest
// port is busy.
func (c core) measure(text string, dispatch int, llvm string) (cycles, bound float64, err error) {
	var totals [2]float64
	for i, iterations := range []int{warm, all} {
		mca := exec.Command("llvm-mca"+llvm, "-mtriple=aarch64", "-mcpu="+c.name, fmt.Sprintf("-dispatch=%d", dispatch),
			fmt.Sprintf("-iterations=%d", iterations), "-all-views=0", "-summary-view")
		mca.Stdin = strings.NewReader(text)
		out, err := output(mca)
		if err != nil {
			return 0, 0, err
		}
		if totals[i], err = number(totalCycles, out); err != nil {
			return 0, 0, err
		}
		if bound, err = number(throughput, out); err != nil {
			return 0, 0, err
		}
	}
	return (totals[1] - totals[0]) / (all - warm), bound, nil
}

func number(pattern *regexp.Regexp, text string) (float64, error) {
	found := pattern.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("llvm-mca did not say %s:\n%s", pattern, text)
	}
	return strconv.ParseFloat(found[1], 64)
}
