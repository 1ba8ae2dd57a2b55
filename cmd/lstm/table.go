package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A table is a CSV file with a header, read row by row: a row is returned as
// soon as its line has come. Whatever is wrong with a row is an error that
// names the file, the line and the column.
type table struct {
	name   string // of the file, for error messages
	header []string
	csv    *csv.Reader
	row    []string
}

// openTable reads the header of the table in r.
func openTable(name string, r io.Reader) (*table, error) {
	br := bufio.NewReader(r)
	if err := skipByteOrderMark(br); err != nil {
		return nil, (&table{name: name}).locate(err)
	}
	t := &table{name: name, csv: csv.NewReader(&rowGuard{r: br, line: 1})}
	t.csv.ReuseRecord = true
	t.csv.FieldsPerRecord = -1 // next counts them itself, to name the column
	header, err := t.csv.Read()
	if err == io.EOF {
		return nil, fmt.Errorf("%s: empty, want a header that names the columns", name)
	}
	if err != nil {
		return nil, t.locate(err)
	}
	for _, column := range header {
		t.header = append(t.header, strings.TrimSpace(column))
	}
	return t, nil
}

// next reads the next row, whose fields are valid until the one after it is
// read. At the end of the table the error is io.EOF.
func (t *table) next() error {
	row, err := t.csv.Read()
	if err == io.EOF {
		return io.EOF
	}
	if err != nil {
		return t.locate(err)
	}
	t.row = row
	switch {
	case len(row) < len(t.header):
		return t.errorf(len(row)-1, "the row ends after %s, want %d: column %s is missing",
			count(len(row), "field"), len(t.header), quoted(t.header[len(row)]))
	case len(row) > len(t.header):
		return t.errorf(len(t.header), "the row has %s, want %d", count(len(row), "field"), len(t.header))
	}
	return nil
}

// fieldErrorf is an error about the field of the current row in a column.
func (t *table) fieldErrorf(column int, format string, args ...any) error {
	return t.errorf(column, "column %s: %s", quoted(t.header[column]), fmt.Sprintf(format, args...))
}

func (t *table) errorf(field int, format string, args ...any) error {
	line, column := t.csv.FieldPos(field)
	return fmt.Errorf("%s:%d:%d: %s", t.name, line, column, fmt.Sprintf(format, args...))
}

// locate adds the file's name to an error of reading it, unless it is a signal, which
// says nothing about the file.
func (t *table) locate(err error) error {
	if errors.Is(err, errInterrupted) {
		return errInterrupted
	}
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%s:%d:%d: %w", t.name, syntax.Line, syntax.Column, syntax.Err)
	}
	var guard *guardError
	if errors.As(err, &guard) {
		return fmt.Errorf("%s:%d:1: %s", t.name, guard.line, guard.problem)
	}
	return fmt.Errorf("%s: %w", t.name, err)
}

// find returns the position of the column of that name.
func (t *table) find(name string) (int, error) {
	i := slices.Index(t.header, name)
	if i < 0 {
		return 0, fmt.Errorf("%s: there is no column %s, only %s", t.name, quoted(name), quoteAll(t.header))
	}
	if j := slices.Index(t.header[i+1:], name); j >= 0 {
		return 0, fmt.Errorf("%s: columns %d and %d are both named %s", t.name, i+1, i+j+2, quoted(name))
	}
	return i, nil
}

// has tells whether there is a column of that name.
func (t *table) has(name string) bool { return slices.Contains(t.header, name) }

// headerIsNumbers tells whether the header could be a row: there may be none.
func (t *table) headerIsNumbers() bool {
	return !slices.ContainsFunc(t.header, func(name string) bool {
		_, err := parseNumber(name, 64)
		return err != nil
	})
}

// skipByteOrderMark drops the three bytes that some programs put in front of
// UTF-8. It waits for no more bytes than it needs.
func skipByteOrderMark(r *bufio.Reader) error {
	const mark = "\ufeff"
	first, err := r.Peek(1)
	if err == nil && first[0] == mark[0] {
		var start []byte
		if start, err = r.Peek(len(mark)); string(start) == mark {
			_, err = r.Discard(len(mark))
		}
	}
	if err == io.EOF {
		return nil // whoever reads on meets it again
	}
	return err
}

// maxRowBytes and maxFields bound the memory a row can take, so that a file
// without line breaks, or of commas alone, is an error and not the end of the
// machine's memory.
const (
	maxRowBytes = 16 << 20
	maxFields   = 1 << 16
)

// A rowGuard passes r on until an empty row, which encoding/csv would skip
// without a word, one that is too long, or a line end of other systems, which
// it would take for a part of a field.
type rowGuard struct {
	r    io.Reader
	line int // the current line, from 1
	err  error

	rowLine  int // where the current row starts
	rowBytes int // how much of it there has been
	commas   int // outside of quotes, in the current row
	quoted   bool
	last     byte
}

type guardError struct {
	line    int
	problem string
}

func (e *guardError) Error() string { return e.problem }

func (g *rowGuard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.r.Read(p)
	for i, b := range p[:n] {
		if g.err = g.check(b); g.err != nil {
			return i, g.err
		}
		g.rowBytes++
		g.last = b
		switch b {
		case '"':
			// A quote within quotes is written twice, which changes nothing here.
			g.quoted = !g.quoted
		case ',':
			if !g.quoted {
				g.commas++
			}
		case '\n':
			g.line++
			if !g.quoted {
				g.rowBytes, g.commas = 0, 0
			}
		}
	}
	return n, err
}

// check says what is wrong with the row if b is its next byte.
func (g *rowGuard) check(b byte) error {
	if g.rowBytes == 0 {
		g.rowLine = g.line
	}
	switch {
	case b == '\n' && !g.quoted && (g.rowBytes == 0 || g.rowBytes == 1 && g.last == '\r'):
		return &guardError{g.line, "the row is empty"}
	case b != '\n' && b != '\r' && !g.quoted && g.rowBytes > 0 && g.last == '\r':
		return &guardError{g.line, "a carriage return alone ends no line, want a line feed (LF) or both (CR LF)"}
	case g.rowBytes == maxRowBytes:
		return &guardError{g.rowLine, fmt.Sprintf("the row is longer than %d bytes", maxRowBytes)}
	case b == ',' && !g.quoted && g.commas == maxFields-1:
		return &guardError{g.rowLine, fmt.Sprintf("the row has more than %d fields", maxFields)}
	}
	return nil
}
