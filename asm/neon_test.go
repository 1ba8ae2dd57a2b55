package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/arch/arm64/arm64asm"
)

var wordLine = regexp.MustCompile(`^\tWORD +\$(0x[0-9a-f]{8}) +// (.+)$`)

// TestWordsInFiles decodes every word of the committed files: it is what the
// comment behind it says.
func TestWordsInFiles(t *testing.T) {
	for _, name := range []string{"kernels_arm64.s", filepath.Join("internal", "peak", "peak_arm64.s")} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", name))
			require.NoError(t, err)
			words := 0
			for i, line := range strings.Split(string(text), "\n") {
				if !strings.Contains(line, "WORD") {
					continue
				}
				words++
				found := wordLine.FindStringSubmatch(line)
				require.NotNil(t, found, "line %d: %s", i+1, line)
				word, err := strconv.ParseUint(found[1], 0, 32)
				require.NoError(t, err)
				var code [4]byte
				binary.LittleEndian.PutUint32(code[:], uint32(word))
				inst, err := arm64asm.Decode(code[:])
				require.NoError(t, err, "line %d: %s", i+1, line)
				require.Equal(t, found[2], arm64asm.GNUSyntax(inst), "line %d", i+1)
			}
			t.Log(words, "words")
		})
	}
}
