package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/asm/disasm"
	"example.com/lstm/internal/dispatch"
)

// assembly reads the lines of the committed files of an architecture.
func assembly(t *testing.T, arch string) map[string][]string {
	files := map[string][]string{}
	for _, base := range []string{"kernels", filepath.Join("internal", "peak", "peak")} {
		name := base + "_" + arch + ".s"
		text, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		files[name] = strings.Split(string(text), "\n")
	}
	return files
}

var wordLine = regexp.MustCompile(`^\tWORD +\$(0x[0-9a-f]{8}) +// (.+)$`)

// TestWordsInFiles decodes every word of the committed files: it is what the
// comment after it says.
func TestWordsInFiles(t *testing.T) {
	for name, lines := range assembly(t, "arm64") {
		t.Run(name, func(t *testing.T) {
			words := 0
			for i, line := range lines {
				if !strings.Contains(line, "WORD") {
					continue
				}
				words++
				found := wordLine.FindStringSubmatch(line)
				require.NotNil(t, found, "line %d: %s", i+1, line)
				word, err := strconv.ParseUint(found[1], 0, 32)
				require.NoError(t, err)
				decoded, err := disasm.Word(uint32(word))
				require.NoError(t, err, "line %d: %s", i+1, line)
				require.Equal(t, found[2], decoded, "line %d", i+1)
			}
			t.Log(words, "words")
		})
	}
}

var (
	textLine     = regexp.MustCompile(`^TEXT ·(\w+)\(SB\)`)
	requiresLine = regexp.MustCompile(`^// Requires: (.+)$`)
)

// TestNeeds: a kernel uses no instructions that its path does not ask the
// processor for. MMX+ is PREFETCHT0, which every amd64 has.
func TestNeeds(t *testing.T) {
	for name, lines := range assembly(t, "amd64") {
		var requires []string
		for _, line := range lines {
			if found := requiresLine.FindStringSubmatch(line); found != nil {
				requires = strings.Split(found[1], ", ")
			}
			found := textLine.FindStringSubmatch(line)
			if found == nil {
				continue
			}
			path := slices.IndexFunc(dispatch.All[:], func(d dispatch.Description) bool {
				return d.GOARCH == "amd64" && strings.HasSuffix(found[1], d.Suffix)
			})
			require.GreaterOrEqual(t, path, 0, found[1])
			require.Subset(t, append(dispatch.All[path].Needs, "MMX+", "SSE"), requires, "%s: %s", name, found[1])
			requires = nil
		}
	}
}

// TestNeedsOfARM64: products of int8 are in the kernels of the path that asks for
// them, and in no others. Every arm64 has all else.
func TestNeedsOfARM64(t *testing.T) {
	for name, lines := range assembly(t, "arm64") {
		function := ""
		for i, line := range lines {
			if found := textLine.FindStringSubmatch(line); found != nil {
				function = found[1]
			}
			if strings.Contains(line, "// sdot ") {
				require.True(t, strings.HasSuffix(function, dispatch.All[dispatch.NEONDot].Suffix), "%s:%d: %s", name, i+1, function)
			}
		}
	}
}

// TestFramePointer: profilers follow the frame pointer through every function
// that they interrupt, so none may hold data in it.
func TestFramePointer(t *testing.T) {
	for arch, framePointer := range map[string]*regexp.Regexp{
		"amd64": regexp.MustCompile(`\bE?BP[LW]?\b`),
		"arm64": regexp.MustCompile(`\bR29\b`),
	} {
		for name, lines := range assembly(t, arch) {
			for i, line := range lines {
				code, _, _ := strings.Cut(line, "//")
				require.False(t, framePointer.MatchString(code), "%s:%d: %s", name, i+1, line)
			}
		}
	}
}

var (
	mapLine  = regexp.MustCompile(`^\t// (?:Registers:|          ) (.*)$`)
	register = regexp.MustCompile(`\b([A-Z]+)(\d*)\b`)
)

// TestRegisterMaps: every register in the map of a loop is used in that loop, by
// that name, and vectors by no wider one.
func TestRegisterMaps(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		for name, lines := range assembly(t, arch) {
			maps := 0
			for i, line := range lines {
				if !strings.HasPrefix(line, "\t// Registers:") {
					continue
				}
				maps++
				label := strings.TrimSuffix(lines[i-1], ":")
				at := func() string { return fmt.Sprintf("%s:%d, %s", name, i+1, label) }
				used := registersOfLoop(lines[i:], label)
				require.NotEmpty(t, used, at())
				for _, line := range lines[i:] {
					found := mapLine.FindStringSubmatch(line)
					if found == nil {
						break
					}
					for _, r := range registersOfMap(t, found[1]) {
						require.True(t, used[r], "%s: %s is not used", at(), r)
						if number, ok := strings.CutPrefix(r, "Y"); ok {
							require.False(t, used["Z"+number], "%s: %s is Z%s", at(), r, number)
						}
					}
				}
			}
			require.NotZero(t, maps, name)
		}
	}
}

// registersOfMap are the registers of a line of a map, ranges written out.
func registersOfMap(t *testing.T, line string) []string {
	var registers []string
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' }) {
		first, last, isRange := strings.Cut(word, "-")
		if register.FindString(first) != first {
			continue // of a role
		}
		registers = append(registers, first)
		if isRange {
			from, to := register.FindStringSubmatch(first), register.FindStringSubmatch(last)
			require.Equal(t, from[1], to[1], word)
			begin, err := strconv.Atoi(from[2])
			require.NoError(t, err)
			end, err := strconv.Atoi(to[2])
			require.NoError(t, err)
			for n := begin + 1; n <= end; n++ {
				registers = append(registers, fmt.Sprint(from[1], n))
			}
		}
	}
	return registers
}

// registersOfLoop are the registers that the instructions name up to the last
// jump to a label of this function. NEON's are called F, V and, in what Arm
// writes, v; here all are V.
func registersOfLoop(lines []string, label string) map[string]bool {
	if end := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "TEXT") }); end >= 0 {
		lines = lines[:end]
	}
	used, loop := map[string]bool{}, map[string]bool{}
	for _, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "//") {
			continue
		}
		fields := strings.Fields(line)
		for _, r := range register.FindAllStringSubmatch(strings.ToUpper(strings.Join(fields[min(1, len(fields)):], " ")), -1) {
			class, number := r[1], r[2]
			if class == "F" {
				class = "V"
			}
			used[class+number] = true
		}
		if len(fields) > 1 && fields[len(fields)-1] == label {
			for r := range used {
				loop[r] = true
			}
		}
	}
	return loop
}
