package safetensors

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxQuote keeps a hostile name of many megabytes out of error messages.
const maxQuote = 100

// Quote quotes text of a file for a message, and shortens it.
func Quote(s string) string {
	return strconv.Quote(shorten(s))
}

func shorten(s string) string {
	if len(s) <= maxQuote {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuote], "") + "…"
}

// SizesText is a shape as messages have it.
func SizesText(sizes []int) string {
	return shorten(fmt.Sprint(sizes[:min(len(sizes), maxQuote)]))
}

func tokenText(t json.Token) string {
	switch t := t.(type) {
	case string:
		return Quote(t)
	case nil:
		return "null"
	}
	return shorten(fmt.Sprint(t))
}
