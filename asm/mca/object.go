package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// object is an assembled file: its source, and the code of each of its lines.
type object struct {
	lines []string
	code  map[int][]string // by the number of the line: words in hexadecimal
}

// objdumpLine is what go tool objdump prints for an instruction: file and line,
// address, code.
var objdumpLine = regexp.MustCompile(`\.s:(\d+)\s+0x[0-9a-f]+\s+([0-9a-f]{8})\s`)

func assemble(source, dir string) (object, error) {
	text, err := os.ReadFile(source)
	if err != nil {
		return object{}, err
	}
	include, err := output(exec.Command("go", "env", "GOROOT"))
	if err != nil {
		return object{}, err
	}
	file := filepath.Join(dir, "kernels.o")
	asm := exec.Command("go", "tool", "asm", "-p", "lstm", "-I", filepath.Join(strings.TrimSpace(include), "pkg", "include"), "-o", file, source)
	asm.Env = append(os.Environ(), "GOARCH=arm64")
	if _, err := output(asm); err != nil {
		return object{}, err
	}
	dump, err := output(exec.Command("go", "tool", "objdump", file))
	if err != nil {
		return object{}, err
	}
	o := object{strings.Split(string(text), "\n"), map[int][]string{}}
	for _, found := range objdumpLine.FindAllStringSubmatch(dump, -1) {
		line, err := strconv.Atoi(found[1])
		if err != nil {
			return object{}, err
		}
		o.code[line] = append(o.code[line], found[2])
	}
	return o, nil
}

// loop returns the code from a label to the jump back to it.
func (o object) loop(function, label string) ([]string, error) {
	begin := slices.IndexFunc(o.lines, func(l string) bool { return strings.HasPrefix(l, "TEXT ·"+function+"(SB)") })
	if begin < 0 {
		return nil, fmt.Errorf("no function %s", function)
	}
	inside := false
	var words []string
	for i, line := range o.lines[begin:] {
		switch fields := strings.Fields(line); {
		case line == label+":":
			inside = true
		case inside:
			words = append(words, o.code[begin+i+1]...)
			if len(fields) == 2 && fields[1] == label {
				return words, nil
			}
		}
	}
	return nil, fmt.Errorf("%s: no loop %s", function, label)
}

// output runs a command, whose error has what it said.
func output(c *exec.Cmd) (string, error) {
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", c, err, stderr.String())
	}
	return string(out), nil
}
