package main

import (
	"fmt"
	"strconv"
	"strings"
)

// sizeUnits are what a number of bytes may end with.
var sizeUnits = []struct {
	name string
	size int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"B", 1}, {"", 1}}

// parseSize reads a number of bytes such as 4MiB, at least 1.
func parseSize(flag, text string) (int64, error) {
	for _, unit := range sizeUnits {
		digits, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 1 || n > (1<<62)/unit.size {
			break
		}
		return n * unit.size, nil
	}
	return 0, fmt.Errorf("-%s is %q, want a number of bytes such as 512KiB, 4MiB or 1GiB", flag, text)
}
