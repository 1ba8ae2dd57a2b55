package neon

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/arm64/arm64asm"
)

// TestWords decodes every word that the table can make, all registers and lanes
// of all forms.
func TestWords(t *testing.T) {
	for _, f := range words {
		lanes := 1
		if f.operands[len(f.operands)-1].lane {
			lanes = 4
		}
		t.Run(f.text(make([]int, len(f.operands)), 0), func(t *testing.T) {
			registers := make([]int, len(f.operands))
			for more := true; more; more = next(registers) {
				for lane := range lanes {
					var code [4]byte
					binary.LittleEndian.PutUint32(code[:], f.encode(registers, lane))
					inst, err := arm64asm.Decode(code[:])
					text := f.text(registers, lane)
					require.NoError(t, err, text)
					if arm64asm.GNUSyntax(inst) != text { // far faster than require
						require.Equal(t, text, arm64asm.GNUSyntax(inst))
					}
				}
			}
		})
	}
}

// next counts up, with registers as digits, until all have been there.
func next(registers []int) bool {
	for i := range registers {
		if registers[i]++; registers[i] < len(set.Classes[vector].Numbers) {
			return true
		}
		registers[i] = 0
	}
	return false
}
