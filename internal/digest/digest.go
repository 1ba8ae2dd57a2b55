// Package digest holds the results of the numeric contract: a committed table
// of hashes, case by case, that every machine must reproduce with every path it
// has, to the last bit.
package digest

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"strconv"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/dispatch"
)

// A Case is a computation with a name, always the same one.
type Case struct {
	Name string
	// compute calls emit with one piece of the result after another, and a name
	// for it.
	compute func(emit func(piece string, values []float32))
}

// Digest is the beginning of the SHA-256 hash of a case's results: their bits,
// four bytes a number, the lowest first, a NaN being 0x7fc00000.
type Digest uint64

// Compute runs the case on the path in use.
func (c *Case) Compute() Digest {
	h := sha256.New()
	c.compute(func(_ string, values []float32) { hashFloats(h, values) })
	return Digest(binary.BigEndian.Uint64(h.Sum(nil)))
}

func hashFloats(h hash.Hash, values []float32) {
	var buffer [4]byte
	for _, v := range values {
		binary.LittleEndian.PutUint32(buffer[:], canonical(v))
		h.Write(buffer[:])
	}
}

func canonical(v float32) uint32 {
	if v != v {
		return 0x7fc00000
	}
	return math.Float32bits(v)
}

//go:embed table.txt
var committed string

// Table returns the committed digests by the names of the cases.
func Table() map[string]Digest {
	table := map[string]Digest{}
	for line := range strings.Lines(committed) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		digest, name, _ := strings.Cut(line, "  ")
		d, err := strconv.ParseUint(digest, 16, 64)
		if err != nil {
			panic("digest: table.txt: " + err.Error())
		}
		table[name] = Digest(d)
	}
	return table
}

// Format returns the table of the path in use, as it is committed.
func Format() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The results of contract %d, see package digest. To write it anew: go test ./internal/digest -write\n", lstm.Contract)
	for _, c := range Cases() {
		fmt.Fprintf(&b, "%016x  %s\n", c.Compute(), c.Name)
	}
	return b.String()
}

// Verify computes all cases on a path and compares them with the table. The
// error names the first that differs, and how. It changes the path of the
// process while it runs.
func Verify(path string) error { return verify(path, Cases()) }

func verify(path string, cases []Case) error {
	before := lstm.Path()
	defer func() { _ = dispatch.Set(before) }()
	if err := dispatch.Set(path); err != nil {
		return err
	}
	table := Table()
	for _, c := range cases {
		want, ok := table[c.Name]
		if !ok {
			return fmt.Errorf("case %s is not in the table", c.Name)
		}
		if got := c.Compute(); got != want {
			return fmt.Errorf("case %s: digest is %016x, want %016x; %s", c.Name, got, want, c.explain(path))
		}
	}
	return nil
}

// explain says where the results of a path first differ from those of the
// oracle.
func (c *Case) explain(path string) string {
	const oracle = "generic"
	type result struct {
		piece  string
		values []float32
	}
	compute := func(path string) (results []result) {
		_ = dispatch.Set(path) // it is in use, or the one that there always is
		c.compute(func(piece string, values []float32) {
			results = append(results, result{piece, append([]float32(nil), values...)})
		})
		return results
	}
	want, got := compute(oracle), compute(path)
	for i, r := range got {
		for j, v := range r.values {
			if w := want[i].values[j]; canonical(v) != canonical(w) {
				return fmt.Sprintf("%s[%d] is %x (%#08x), and %x (%#08x) on path %s", r.piece, j, v, math.Float32bits(v), w, math.Float32bits(w), oracle)
			}
		}
	}
	return "path " + oracle + " computes the same as this path, so all paths of this machine differ from the table"
}
