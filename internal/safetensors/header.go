package safetensors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"example.com/lstm/internal/sizes"
)

const metadataKey = "__metadata__"

// parseHeader does with tokens what json.Unmarshal would do with less care: that
// one keeps the last of several equal keys, ignores case, and replaces what is
// no text by U+FFFD.
func parseHeader(text []byte) (entries []Entry, metadata map[string]string, err error) {
	if text[0] != '{' {
		return nil, nil, fmt.Errorf("header begins with %q, want '{'", text[0])
	}
	if !utf8.Valid(text) {
		return nil, nil, errors.New("header is not valid UTF-8")
	}
	if i := loneSurrogate(text); i >= 0 {
		return nil, nil, fmt.Errorf("header: %s at byte %d is half a character, want a surrogate pair", text[i:i+6], i)
	}
	p := headerParser{json.NewDecoder(bytes.NewReader(text))}
	p.dec.UseNumber()
	err = p.object("header", func(name string) (err error) {
		if name == metadataKey {
			metadata, err = p.metadata()
			return err
		}
		if len(entries) == MaxTensors {
			return unsupported(fmt.Errorf("header has more than %d tensors", MaxTensors))
		}
		e, err := p.entry(name)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if rest := bytes.TrimRight(text[p.dec.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, fmt.Errorf("header: %s follows the JSON object, want spaces", Quote(string(rest[:min(len(rest), maxQuote)])))
	}
	return entries, metadata, nil
}

// loneSurrogate finds an escape in JSON that is one half of a surrogate pair
// without the other, which encoding/json would replace.
func loneSurrogate(text []byte) int {
	// unit returns the surrogate escaped at i, or 0.
	unit := func(i int) uint64 {
		if len(text) < i+6 || text[i] != '\\' || text[i+1] != 'u' {
			return 0
		}
		u, err := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		if err != nil || u&0xf800 != 0xd800 {
			return 0
		}
		return u
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if u := unit(i); u != 0 {
			if u >= 0xdc00 || unit(i+6) < 0xdc00 {
				return i
			}
			i += 6
		}
		i++ // past the byte escaped, which may be a backslash
	}
	return -1
}

// headerParser reads the values that a header may hold, and no others. The
// argument what says in its errors whose value it is.
type headerParser struct {
	dec *json.Decoder
}

func (p headerParser) token(what string) (json.Token, error) {
	t, err := p.dec.Token()
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		// Not an end of the file: the header has all of its bytes.
		return nil, fmt.Errorf("%s: the JSON text ends in the middle", what)
	case err != nil:
		return nil, fmt.Errorf("%s: byte %d: %w", what, p.dec.InputOffset(), err)
	}
	return t, nil
}

// object calls each for every key, to read its value.
func (p headerParser) object(what string, each func(key string) error, required ...string) error {
	t, err := p.token(what)
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("%s is %s, want an object", what, tokenText(t))
	}
	seen := make(map[string]bool)
	for {
		t, err := p.token(what)
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			break // the decoder lets nothing but '}' through
		}
		if seen[key] {
			return fmt.Errorf("%s: key %s occurs twice", what, Quote(key))
		}
		seen[key] = true
		if err := each(key); err != nil {
			return err
		}
	}
	for _, key := range required {
		if !seen[key] {
			return fmt.Errorf("%s: field %q is missing", what, key)
		}
	}
	return nil
}

func (p headerParser) string(what string) (string, error) {
	t, err := p.token(what)
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%s is %s, want a string", what, tokenText(t))
	}
	return s, nil
}

func (p headerParser) sizes(what string) ([]int, error) {
	t, err := p.token(what)
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, fmt.Errorf("%s is %s, want an array", what, tokenText(t))
	}
	list := []int{}
	for {
		t, err := p.token(what)
		if err != nil {
			return nil, err
		}
		if t == json.Delim(']') {
			return list, nil
		}
		number, _ := t.(json.Number)
		n, err := strconv.ParseUint(string(number), 10, strconv.IntSize-1)
		if err != nil {
			return nil, fmt.Errorf("%s holds %s, want whole numbers from 0 to %d", what, tokenText(t), math.MaxInt)
		}
		if len(list) == MaxDimensions {
			return nil, unsupported(fmt.Errorf("%s holds more than %d numbers", what, MaxDimensions))
		}
		list = append(list, int(n))
	}
}

func (p headerParser) metadata() (map[string]string, error) {
	var metadata map[string]string
	err := p.object(metadataKey, func(key string) error {
		if len(metadata) == MaxMetadata {
			return unsupported(fmt.Errorf("%s has more than %d keys", metadataKey, MaxMetadata))
		}
		value, err := p.string(metadataKey + ": " + Quote(key))
		if metadata == nil {
			metadata = make(map[string]string)
		}
		metadata[key] = value
		return err
	})
	return metadata, err
}

func (p headerParser) entry(name string) (Entry, error) {
	e := Entry{Name: name}
	var offsets []int
	what := "tensor " + Quote(name)
	err := p.object(what, func(field string) (err error) {
		switch field {
		case "dtype":
			e.DType, err = p.string(what + ": dtype")
		case "shape":
			e.Shape, err = p.sizes(what + ": shape")
		case "data_offsets":
			offsets, err = p.sizes(what + ": data_offsets")
		default:
			err = e.Errorf("field %s is unknown, want dtype, shape and data_offsets", Quote(field))
		}
		return err
	}, "dtype", "shape", "data_offsets")
	if err != nil {
		return e, err
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return e, e.Errorf("data_offsets is %s, want [begin end] with begin ≤ end", SizesText(offsets))
	}
	e.begin, e.end = offsets[0], offsets[1]

	// An element type that cannot be read has no size here. It is an error
	// later, when it is known whether the tensor has a place at all.
	dtype, known := dtypes[e.DType]
	n, ok := sizes.Product(e.Shape...)
	if ok {
		_, ok = sizes.Product(n, max(dtype.size, 4))
	}
	if !ok {
		return e, e.Errorf("shape is %s, more elements than can be addressed", SizesText(e.Shape))
	}
	e.Elements = n
	if known && e.end-e.begin != n*dtype.size {
		return e, e.Errorf("data_offsets %v span %d bytes, want %d for %s of shape %s",
			offsets, e.end-e.begin, n*dtype.size, e.DType, SizesText(e.Shape))
	}
	return e, nil
}
