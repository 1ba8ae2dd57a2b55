package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// columns are the places of a layout's columns in one table.
type columns struct {
	table  *table
	layout *layout

	inputs      []int
	indexColumn int   // absent if there is none
	truth       []int // for each output; absent if there is none
	evaluate    int   // absent if there is none
}

const absent = -1

// bind finds the columns of a layout in a table. Those of the inputs and the
// index must be there. The truth need not be: who forecasts what is to come
// has none.
func bind(l *layout, inputSize int, t *table) (*columns, error) {
	c := &columns{table: t, layout: l, indexColumn: absent, evaluate: absent}
	if l.inputs == nil {
		if len(t.header) != inputSize {
			hint := ""
			if l.oneHot != "" {
				hint = fmt.Sprintf("; its input is %s: a column for each number, 1 in that of the number and 0 in the others", printable(l.oneHot, 100))
			}
			return nil, fmt.Errorf("%s: it has %s, want %d, the network's input size, since its file names no inputs: %s%s",
				t.name, count(len(t.header), "column"), inputSize, quoteAll(t.header), hint)
		}
		for i := range inputSize {
			c.inputs = append(c.inputs, i)
		}
	}
	for i := range l.inputs {
		column, err := t.find(l.inputs[i].Name)
		if err != nil {
			return nil, err
		}
		c.inputs = append(c.inputs, column)
	}
	var err error
	if l.index != "" {
		if c.indexColumn, err = t.find(l.index); err != nil {
			return nil, err
		}
	}
	for i := range l.outputs {
		column, err := c.findIfThere(l.outputs[i].Truth)
		if err != nil {
			return nil, err
		}
		c.truth = append(c.truth, column)
	}
	if l.evaluate != nil {
		if c.evaluate, err = c.findIfThere(l.evaluate.Column); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *columns) findIfThere(name string) (int, error) {
	if name == "" || !c.table.has(name) {
		return absent, nil
	}
	return c.table.find(name)
}

// readInputs fills x with what the network sees of the current row.
func (c *columns) readInputs(x []float32) error {
	for i, column := range c.inputs {
		var err error
		if c.layout.inputs == nil {
			x[i], err = c.asIs(column)
		} else {
			x[i], err = c.normalized(column, &c.layout.inputs[i].quantity)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// asIs reads a field as the float32 nearest to its decimal digits, which
// reading a float64 first and rounding twice would miss now and then.
func (c *columns) asIs(column int) (float32, error) {
	v, err := c.parse(column, 32)
	return float32(v), err
}

func (c *columns) normalized(column int, q *quantity) (float32, error) {
	if q.asIs() {
		return c.asIs(column)
	}
	v, err := c.parse(column, 64)
	if err != nil {
		return 0, err
	}
	x := q.normalize(v)
	if math.IsInf(float64(x), 0) {
		return 0, c.table.fieldErrorf(column, "%v, normalized with mean %v and std %v, is beyond float32", v, q.Mean, q.std())
	}
	return x, nil
}

// readTruth fills now with what the truth columns of the outputs hold in the
// current row. An empty field means that it is not known.
func (c *columns) readTruth(now []reading) error {
	for i, column := range c.truth {
		now[i] = reading{}
		if column == absent || strings.TrimSpace(c.table.row[column]) == "" {
			continue
		}
		value, err := c.parse(column, 64)
		if err != nil {
			return err
		}
		now[i] = reading{value, true}
	}
	return nil
}

// parse reads a field as a number. A NaN or an infinity in a table is a
// missing or a broken measurement, which a network would carry along in its
// state for ever, so neither is taken for a number.
func (c *columns) parse(column, bits int) (float64, error) {
	field := strings.TrimSpace(c.table.row[column])
	if field == "" {
		return 0, c.table.fieldErrorf(column, "the field is empty, want a number")
	}
	v, err := parseNumber(field, bits)
	if errors.Is(err, strconv.ErrRange) {
		return 0, c.table.fieldErrorf(column, "%s is beyond float%d", printable(field, 60), bits)
	}
	if err != nil {
		return 0, c.table.fieldErrorf(column, "%s is not a finite number", printable(field, 60))
	}
	return v, nil
}

// parseNumber reads a decimal number. The digits of Go's own notations, such as
// 0x1p3 and 1_000, are none, nor are the words for infinity and NaN.
func parseNumber(text string, bits int) (float64, error) {
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(text, bits)
}

// evaluated tells whether the current row counts for the forecast error.
func (c *columns) evaluated() bool {
	return c.evaluate == absent || c.table.row[c.evaluate] >= c.layout.evaluate.From
}

// index is what the current row is called, or "".
func (c *columns) index() string {
	if c.indexColumn == absent {
		return ""
	}
	return c.table.row[c.indexColumn]
}

// appendIndex appends the index of a row to fields, if rows have one.
func (c *columns) appendIndex(fields []string, index string) []string {
	if c.indexColumn == absent {
		return fields
	}
	return append(fields, index)
}

// outputHeader is the header of the forecasts.
func (c *columns) outputHeader() []string {
	var header []string
	if c.indexColumn != absent {
		header = append(header, c.layout.index)
	}
	for i := range c.layout.outputs {
		header = append(header, c.layout.outputs[i].Name)
	}
	return header
}
