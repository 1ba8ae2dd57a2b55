// Package safetensors reads and writes the safetensors container: the length of
// a JSON header, the header, which says where each tensor lies, and the
// tensors' bytes. It knows of no network. Numbers are float32 in memory,
// whatever they are in the file.
//
// Files may be hostile: memory is taken as bytes arrive, never because a header
// claims them, and the limits below bound what a header takes beside its bytes.
package safetensors

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Limits of a header, to read and to write. The format's own is 100 MB, for
// models of many thousand tensors; what is built of a header takes many times
// its bytes, in the worst case.
const (
	MaxHeader     = 16 << 20 // bytes
	MaxTensors    = 10_000
	MaxMetadata   = 10_000 // keys
	MaxDimensions = 16     // of a tensor
)

// A longer header than this is none: the limit of the reference implementation.
const formatMaxHeader = 100_000_000

const chunk = 64 << 10 // bytes converted at a time

// A File is a file whose header has been read.
type File struct {
	Entries  []Entry           // in the order of their data, which they cover without holes or overlap
	Metadata map[string]string // nil when the file has none

	r *bufio.Reader
}

// Entry is what a header says about one tensor. Sizes fit an int, also as bytes
// of float32.
type Entry struct {
	Name     string
	DType    string // as the file has it, which may be one that cannot be read
	Shape    []int
	Elements int // the product of Shape

	begin, end int // bytes of the data section, begin ≤ end
}

// Errorf makes an error that begins with the tensor's name.
func (e *Entry) Errorf(format string, args ...any) error {
	return fmt.Errorf("tensor %s: %w", Quote(e.Name), fmt.Errorf(format, args...))
}

// Read reads a file up to its data. An error of r is in the chain of the error
// returned; a file that ends too early is [io.ErrUnexpectedEOF]. Errors that
// are the file's, and not the reader's, are [FormatError].
func Read(r io.Reader) (*File, error) {
	f := &File{r: bufio.NewReaderSize(r, chunk)}
	text, err := f.readHeader()
	if err != nil {
		return nil, err
	}
	if f.Entries, f.Metadata, err = parseHeader(text); err != nil {
		return nil, damaged(err)
	}
	if err := checkTiling(f.Entries); err != nil {
		return nil, damaged(err)
	}
	return f, nil
}

// readHeader returns the JSON text.
func (f *File) readHeader() ([]byte, error) {
	start, _ := f.r.Peek(foreignBytes) // for what it is worth
	what := foreign(start)
	var prefix [8]byte
	if got, err := io.ReadFull(f.r, prefix[:]); err != nil {
		return nil, truncated(err, "header length: read %d of 8 bytes", got)
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	switch {
	case length > formatMaxHeader && what != "":
		return nil, unsupported(errors.New("this is " + what))
	case length < 2 || length > formatMaxHeader:
		return nil, damaged(fmt.Errorf("header length is %d, want 2 to %d: this is no safetensors file", length, MaxHeader))
	case length > MaxHeader:
		return nil, unsupported(fmt.Errorf("header length is %d, want 2 to %d", length, MaxHeader))
	}
	// The buffer grows with what arrives: length is only a claim.
	var text bytes.Buffer
	if got, err := io.CopyN(&text, f.r, int64(length)); err != nil {
		return nil, truncated(err, "header: read %d of %d bytes", got, length)
	}
	return text.Bytes(), nil
}

// checkTiling sorts the entries by offset and reports holes and overlaps.
func checkTiling(entries []Entry) error {
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.Name, b.Name))
	})
	end := 0
	for i := range entries {
		e := &entries[i]
		switch {
		case e.begin > end:
			return e.Errorf("data begins at byte %d, want %d: no tensor owns the bytes between", e.begin, end)
		case e.begin < end:
			return e.Errorf("data begins at byte %d, want %d: it overlaps tensor %s", e.begin, end, Quote(entries[i-1].Name))
		}
		end = e.end
	}
	return nil
}

// ReadData reads the data, to the end of the file. For each tensor, in their
// order, place says where its numbers belong; nil passes it over. It is called
// twice, before anything has been read and when the tensor's turn has come.
//
// A tensor that is placed must have an element type that can be read, and with
// finite set no number that is NaN, infinite or too large for a float32. Bytes become
// whole numbers from -127 to 127; whether they are those that are meant is for
// [Entry.CheckFloats] and the caller to say.
func (f *File) ReadData(place func(*Entry) *[]float32, finite bool) error {
	for i := range f.Entries {
		e := &f.Entries[i]
		if _, ok := dtypes[e.DType]; !ok && place(e) != nil {
			return unsupported(e.Errorf("dtype is %s, want %s", Quote(e.DType), readable))
		}
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		to := place(e)
		if to == nil {
			if err := f.skip(e); err != nil {
				return err
			}
			continue
		}
		data, err := f.read(e, finite)
		if err != nil {
			return err
		}
		*to = data
	}
	switch _, err := f.r.Peek(1); {
	case err == nil:
		return damaged(errors.New("bytes follow the last tensor, want the end of the file"))
	case err != io.EOF:
		return fmt.Errorf("end of file: %w", err)
	}
	return nil
}

func (f *File) read(e *Entry, finite bool) ([]float32, error) {
	dtype := dtypes[e.DType]
	data := make([]float32, 0, min(e.Elements, chunk/dtype.size))
	for len(data) < e.Elements {
		n := min(e.Elements-len(data), chunk/dtype.size)
		b, err := f.r.Peek(n * dtype.size)
		if err != nil {
			return nil, e.truncated(err, len(data)*dtype.size+len(b))
		}
		if len(data)+n > cap(data) {
			grown := make([]float32, len(data), min(e.Elements, 2*cap(data)))
			copy(grown, data)
			data = grown
		}
		for i := 0; i < len(b); i += dtype.size {
			x := dtype.float32(b[i:])
			if finite && x-x != 0 {
				return nil, e.nonFinite(len(data), x, b[i:])
			}
			if x == math.MinInt8 && e.DType == Int8 {
				return nil, unsupported(e.Errorf("element %v is %g, want -127 to 127", e.index(len(data)), x))
			}
			data = append(data, x)
		}
		f.r.Discard(len(b)) // cannot fail, since Peek has them
	}
	return data, nil
}

func (f *File) skip(e *Entry) error {
	if got, err := f.r.Discard(e.end - e.begin); err != nil {
		return e.truncated(err, got)
	}
	return nil
}

func (e *Entry) truncated(err error, got int) error {
	return truncated(err, "tensor %s: read %d of %d bytes", Quote(e.Name), got, e.end-e.begin)
}
