package disasm_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/asm/disasm"
)

// The words are what llvm-mc 14 makes of the text.
func TestWord(t *testing.T) {
	for word, text := range map[uint32]string{
		0x4f82e020: "sdot v0.4s, v1.16b, v2.4b[0]",
		0x4fb5e223: "sdot v3.4s, v17.16b, v21.4b[1]",
		0x4f86e8a4: "sdot v4.4s, v5.16b, v6.4b[2]",
		0x4fbdebdf: "sdot v31.4s, v30.16b, v29.4b[3]",
		0x4f801022: "fmla v2.4s, v1.4s, v0.s[0]",
	} {
		decoded, err := disasm.Word(word)
		require.NoError(t, err)
		require.Equal(t, text, decoded)
	}
	_, err := disasm.Word(0)
	require.ErrorContains(t, err, "disasm: 00000000: ")
}
