package main

import (
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// readAll reads a table as long as its rows are good.
func readAll(r io.Reader) (rows [][]string, err error) {
	t, err := openTable("t.csv", r)
	if err != nil {
		return nil, err
	}
	for {
		if err := t.next(); err != nil {
			return rows, err
		}
		rows = append(rows, append([]string(nil), t.row...))
	}
}

func TestTableReadError(t *testing.T) {
	broken := errors.New("broken disk")
	rows, err := readAll(io.MultiReader(strings.NewReader("a,b\n1,2\n"), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, err, "t.csv: ")
	require.Equal(t, [][]string{{"1", "2"}}, rows)
}

// A signal ends a program in the same words, whether it waits for a table or not.
func TestInterruptedTable(t *testing.T) {
	for _, read := range []string{"", "a,b\n1,2\n"} {
		_, err := readAll(io.MultiReader(strings.NewReader(read), iotest.ErrReader(errInterrupted)))
		require.EqualError(t, err, "interrupted")
	}
}

func TestRowWithoutEnd(t *testing.T) {
	endless := io.MultiReader(strings.NewReader("a\n1\n"), &repeated{text: "7"})
	rows, err := readAll(endless)
	require.EqualError(t, err, "t.csv:3:1: the row is longer than 16777216 bytes")
	require.Equal(t, [][]string{{"1"}}, rows)
}

// A row of commas would take a hundred times its size.
func TestRowOfManyFields(t *testing.T) {
	const maxFields = 1 << 16
	for _, before := range []string{"", "a\n"} {
		text := before + strings.Repeat(",", maxFields-1)
		_, err := readAll(strings.NewReader(text + "\n"))
		require.NotContains(t, err.Error(), "more than")
		_, err = readAll(strings.NewReader(text + ","))
		require.ErrorContains(t, err, ":1: the row has more than 65536 fields")
	}
	_, err := readAll(strings.NewReader(`"` + strings.Repeat(",", 2*maxFields) + "\"\n1\n"))
	require.Equal(t, io.EOF, err, "within quotes they are text")
}

// Old systems end lines with carriage returns: all of such a file would be its
// header.
func TestCarriageReturnsAlone(t *testing.T) {
	_, err := readAll(strings.NewReader("a,b\r1,2\r3,4\r"))
	require.EqualError(t, err, "t.csv:1:1: a carriage return alone ends no line, want a line feed (LF) or both (CR LF)")
	rows, err := readAll(strings.NewReader("a,b\r\r\n1,2\r\r\n"))
	require.Equal(t, io.EOF, err, "what some programs make of CR LF")
	require.Len(t, rows, 1)
}

// repeated is a text that repeats without an end.
type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(p), nil
}

// A table is what encoding/csv makes of it, up to the first row that is empty
// or does not fit the header, and however the bytes come in.
func FuzzTable(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a,b\n1,2", "a\r\n1\r\n\r\n2\r\n", "\ufeffa,b\n1,2\n", "a,b\n\"1\n\n2\",3\n\n", "a,b\n1\n", "a,b\n1,2,3\n",
		"a\n\n", "\n", "", "\xef", "\xef\xbb", "a,\"b\n", "a\n\"1\"x\n", "a\n\r", "a\n\r\r\n1\n", "a\n\"\"\"\n\"\n1\n", "a\rb\n1\n", weatherTable,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := readAll(strings.NewReader(text))
		require.Error(t, err) // io.EOF at least
		slow, slowErr := readAll(iotest.OneByteReader(strings.NewReader(text)))
		require.Equal(t, rows, slow)
		require.Equal(t, err.Error(), slowErr.Error())
		if err != io.EOF {
			require.Regexp(t, `^t\.csv:`, err.Error())
		}

		reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
		reader.FieldsPerRecord = -1
		want, _ := reader.ReadAll()
		if want == nil { // a syntax error somewhere: what came before is unknown here
			return
		}
		if err == io.EOF {
			require.Len(t, rows, len(want)-1)
		}
		for i, row := range rows {
			require.Equal(t, want[i+1], row)
		}
	})
}
