package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCount(t *testing.T) {
	require.Equal(t, "0 rows", count(0, "row"))
	require.Equal(t, "1 row", count(1, "row"))
	require.Equal(t, "2 rows", count(2, "row"))
}

func TestQuoteAll(t *testing.T) {
	require.Equal(t, `"a", "b\n"`, quoteAll([]string{"a", "b\n"}))
	require.True(t, strings.HasSuffix(quoteAll(make([]string, 42)), `"" and 2 more`))
}

func TestPrintable(t *testing.T) {
	require.Equal(t, "größer", printable("größer", 20))
	require.Equal(t, "gr…", printable("größer", 3), "cut within a letter")
	require.Equal(t, `"a\x1bb"`, printable("a\x1bb", 20))
	require.Equal(t, `"a\x9b2J"`, printable("a\x9b2J", 20), "a command in the encoding of old terminals")
	require.Equal(t, `"a\u202eb"`, printable("a\u202eb", 20), "what turns the text around")
}

func TestQuoted(t *testing.T) {
	require.Equal(t, `"a\nb"`, quoted("a\nb"))
	require.Equal(t, `"`+strings.Repeat("ü", 40)+`…"`, quoted(strings.Repeat("ü", 1000)))
}

func TestWrap(t *testing.T) {
	require.Equal(t, []string{"one two", "three", "four-and-more", "5"}, wrap("one two three four-and-more 5", 8))
	require.Equal(t, []string{""}, wrap("", 8))
}
