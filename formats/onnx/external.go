package onnx

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// external reads tensors that lie in files beside the model's.
type external struct {
	folder fs.FS // nil for none
	seen   map[string]bool
}

// read returns the bytes of a tensor that has so many, from the file, offset and
// length that its entries name. The file must be below the folder, and have them.
func (x *external) read(entries map[string]string, size int, b *budget) ([]byte, error) {
	location := strings.TrimPrefix(entries["location"], "./")
	if x.folder == nil {
		return nil, unsupported("its data are in the file %.80q: onnx.Open reads such files, and onnx.Read with onnx.WithFolder", location)
	}
	if !fs.ValidPath(location) || strings.Contains(location, `\`) {
		return nil, unsupported("its data are in the file %.80q, want a path inside of the model's folder", location)
	}
	offset, length := int64(0), int64(size)
	for key, to := range map[string]*int64{"offset": &offset, "length": &length} {
		if text := entries[key]; text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return nil, damaged("%s of its data in %.80q is %.80q, want a number from 0 on", key, location, text)
			}
			*to = n
		}
	}
	if length != int64(size) {
		return nil, damaged("length of its data in %.80q is %d, want %d, the bytes of its shape", location, length, size)
	}
	info, err := fs.Stat(x.folder, location)
	switch {
	case err != nil:
		return nil, fmt.Errorf("its data: %w", err)
	case !info.Mode().IsRegular():
		return nil, unsupported("its data are in %.80q, which is no regular file", location)
	case offset > info.Size() || length > info.Size()-offset:
		return nil, damaged("its data are the %d bytes of %.80q from %d on, and the file has %d", length, location, offset, info.Size())
	}
	if !x.seen[location] {
		x.seen[location] = true
		b.grow(info.Size())
	}
	if err := b.take(size); err != nil {
		return nil, err
	}
	f, err := x.folder.Open(location)
	if err != nil {
		return nil, fmt.Errorf("its data: %w", err)
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("its data: %.80q of the folder is no io.ReaderAt: %w", location, errors.ErrUnsupported)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(r, offset, length), data); err != nil {
		return nil, damaged("its data in %.80q: %w", location, err)
	}
	return data, nil
}
