package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// quoteAll lists names for an error message, the first of very many.
func quoteAll(names []string) string {
	const most = 40
	var b strings.Builder
	for i, name := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoted(name))
	}
	return b.String()
}

// count is "1 row", "2 rows".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// printable is text from a file as a message can show it: quoted if a terminal
// might take some of it for commands, and cut if it is longer than most bytes.
func printable(text string, most int) string {
	text = cut(text, most)
	if isPrintable(text) {
		return text
	}
	return strconv.Quote(text)
}

// quoted is a name from a file as a message can show it: in quotes, and cut if
// it is very long.
func quoted(name string) string { return strconv.Quote(cut(name, mostOfName)) }

// mostOfName is how many bytes of a name from a file a message shows.
const mostOfName = 80

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// isPrintable tells whether a terminal shows text and does nothing else.
func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// wrap cuts text at spaces into lines of at most width bytes, where the words
// let it.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
