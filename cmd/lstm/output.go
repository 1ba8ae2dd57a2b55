package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// A rowWriter writes a table so that it is whole at any moment: each row is
// one Write, made as soon as the row is there.
type rowWriter struct {
	file *outputFile
	buf  bytes.Buffer
	csv  *csv.Writer // to buf
	size int64       // bytes of the rows written
	line int         // the line being written, or the last one
	rows int         // rows written, the header not among them
}

func newRowWriter(file *outputFile) *rowWriter {
	rw := &rowWriter{file: file}
	rw.csv = csv.NewWriter(&rw.buf)
	return rw
}

func (rw *rowWriter) write(fields []string) error {
	rw.line++
	rw.buf.Reset()
	err := rw.csv.Write(fields)
	if err == nil {
		rw.csv.Flush() // into a buffer, which takes everything
		err = rw.writeBuffer()
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the name is in the message already
	}
	if err != nil {
		return fmt.Errorf("writing line %d of %s: %w", rw.line, rw.file.name, err)
	}
	return nil
}

func (rw *rowWriter) writeBuffer() error {
	n, err := rw.file.Write(rw.buf.Bytes())
	if err == nil && n < rw.buf.Len() {
		err = io.ErrShortWrite
	}
	if err == nil {
		rw.size += int64(n)
		rw.rows = rw.line - 1
		return nil
	}
	// A full disk may have had room for a part of the row: take it back.
	if n > 0 && rw.file.truncate != nil {
		err = errors.Join(err, rw.file.truncate(rw.size))
	}
	return err
}
