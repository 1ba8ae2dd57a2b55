// Package disasm says what instruction a word of arm64 is, for tests of those that
// are written as words.
package disasm

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/arch/arm64/arm64asm"
)

// Word returns the instruction as Arm writes it. The decoder is golang.org/x/arch,
// which knows ARMv8.0; an SDOT by element is decoded here, by the Arm Architecture
// Reference Manual, C7.2, "SDOT (by element)".
func Word(word uint32) (string, error) {
	if word&0xffc0f400 == 0x4f80e000 {
		bits := func(low, n int) uint32 { return word >> low & (1<<n - 1) }
		return fmt.Sprintf("sdot v%d.4s, v%d.16b, v%d.4b[%d]", bits(0, 5), bits(5, 5), bits(16, 5), bits(11, 1)<<1|bits(21, 1)), nil
	}
	var code [4]byte
	binary.LittleEndian.PutUint32(code[:], word)
	inst, err := arm64asm.Decode(code[:])
	if err != nil {
		return "", fmt.Errorf("disasm: %08x: %w", word, err)
	}
	return arm64asm.GNUSyntax(inst), nil
}
