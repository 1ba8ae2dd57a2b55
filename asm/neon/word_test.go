package neon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/asm/disasm"
)

// TestWords decodes every word that the table can make, all registers, lanes and
// shifts of all forms.
func TestWords(t *testing.T) {
	for _, f := range words {
		least, most := f.numbers()
		registers := 0
		for _, o := range f.operands {
			if !o.right {
				registers++
			}
		}
		t.Run(f.text(make([]int, registers), least), func(t *testing.T) {
			registers := make([]int, registers)
			for more := true; more; more = next(registers) {
				for number := least; number <= most; number++ {
					text := f.text(registers, number)
					decoded, err := disasm.Word(f.encode(registers, number))
					require.NoError(t, err, text)
					if decoded != text { // far faster than require
						require.Equal(t, text, decoded)
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
