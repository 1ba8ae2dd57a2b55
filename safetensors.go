package lstm

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file is the safetensors container: the length of a JSON header, the
// header, which says where each tensor lies, and the tensors' bytes. Which
// tensors make a network is the matter of modelfile.go.

const (
	maxFileHeader = 100_000_000 // bytes, the limit of the reference implementation
	fileChunk     = 64 << 10    // bytes converted at a time
	metadataKey   = "__metadata__"
)

// tensor is a named array of float32, row-major.
type tensor struct {
	name  string
	shape []int
	data  []float32
}

// tensorEntry is what a header says about one tensor. Sizes fit an int, also
// as bytes of float32; begin ≤ end.
type tensorEntry struct {
	name       string
	dtype      string
	shape      []int
	elements   int // the product of shape
	begin, end int // bytes of the data section
}

func (e *tensorEntry) errorf(format string, args ...any) error {
	return fmt.Errorf("lstm: tensor %s: %w", quote(e.name), fmt.Errorf(format, args...))
}

// dtypes are the element types that can be read, by their names in a file.
var dtypes = map[string]struct {
	size    int
	float32 func(b []byte) float32
}{
	"F32":  {4, func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"F16":  {2, func(b []byte) float32 { return float16(binary.LittleEndian.Uint16(b)) }},
	"BF16": {2, func(b []byte) float32 { return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16) }},
	"F64":  {8, func(b []byte) float32 { return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))) }},
}

// float16 converts the bits of an IEEE binary16 number; every one has an equal
// among the float32.
func float16(bits uint16) float32 {
	sign := uint32(bits>>15) << 31
	exponent := uint32(bits >> 10 & 0x1f)
	fraction := uint32(bits & 0x3ff)
	switch exponent {
	case 0: // zero or subnormal: units of 2^-24
		magnitude := float32(fraction) * 0x1p-24
		return math.Float32frombits(sign | math.Float32bits(magnitude))
	case 0x1f: // Inf or NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// readTensors reads a whole file. An error of r is in the chain of the error
// returned; a file that ends too early is io.ErrUnexpectedEOF.
func readTensors(r io.Reader) (tensors map[string]tensor, metadata map[string]string, err error) {
	br := bufio.NewReaderSize(r, fileChunk)
	entries, metadata, err := readFileHeader(br)
	if err != nil {
		return nil, nil, err
	}
	tensors = make(map[string]tensor)
	err = readFileData(br, entries, func(t tensor) { tensors[t.name] = t })
	if err != nil {
		return nil, nil, err
	}
	return tensors, metadata, nil
}

// readFileHeader reads up to the data section. The entries come in the order
// of their data, which they cover without holes or overlap. There is no
// metadata map when the file has no metadata.
func readFileHeader(r io.Reader) (entries []tensorEntry, metadata map[string]string, err error) {
	var prefix [8]byte
	if got, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, nil, fmt.Errorf("lstm: header length: read %d of 8 bytes: %w", got, truncated(err))
	}
	length := binary.LittleEndian.Uint64(prefix[:])
	if length < 2 || length > maxFileHeader {
		return nil, nil, fmt.Errorf("lstm: header length is %d, want 2 to %d: this is no safetensors file", length, maxFileHeader)
	}
	// The buffer grows with what arrives: length is only a claim.
	var text bytes.Buffer
	if got, err := io.CopyN(&text, r, int64(length)); err != nil {
		return nil, nil, fmt.Errorf("lstm: header: read %d of %d bytes: %w", got, length, truncated(err))
	}
	entries, metadata, err = parseFileHeader(text.Bytes())
	if err != nil {
		return nil, nil, err
	}
	return entries, metadata, checkTiling(entries)
}

// checkTiling sorts the entries by offset and reports holes and overlaps.
func checkTiling(entries []tensorEntry) error {
	slices.SortFunc(entries, func(a, b tensorEntry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), cmp.Compare(a.name, b.name))
	})
	end := 0
	for i := range entries {
		e := &entries[i]
		switch {
		case e.begin > end:
			return e.errorf("data begins at byte %d, want %d: no tensor owns the bytes between", e.begin, end)
		case e.begin < end:
			return e.errorf("data begins at byte %d, want %d: it overlaps tensor %s", e.begin, end, quote(entries[i-1].name))
		}
		end = e.end
	}
	return nil
}

// readFileData reads the data section and converts it. Memory is taken as
// bytes arrive, never because an entry claims to be large.
func readFileData(r *bufio.Reader, entries []tensorEntry, keep func(tensor)) error {
	for i := range entries {
		e := &entries[i]
		if _, ok := dtypes[e.dtype]; !ok {
			return e.errorf("dtype is %s, want F32, F16, BF16 or F64", quote(e.dtype))
		}
	}
	for i := range entries {
		e := &entries[i]
		data, err := e.read(r)
		if err != nil {
			return err
		}
		keep(tensor{e.name, e.shape, data})
	}
	switch _, err := r.Peek(1); {
	case err == nil:
		return errors.New("lstm: bytes follow the last tensor, want the end of the file")
	case err != io.EOF:
		return fmt.Errorf("lstm: end of file: %w", err)
	}
	return nil
}

func (e *tensorEntry) read(r *bufio.Reader) ([]float32, error) {
	dtype := dtypes[e.dtype]
	data := make([]float32, 0, min(e.elements, fileChunk/dtype.size))
	for len(data) < e.elements {
		n := min(e.elements-len(data), fileChunk/dtype.size)
		b, err := r.Peek(n * dtype.size)
		if err != nil {
			return nil, e.errorf("read %d of %d bytes: %w", len(data)*dtype.size+len(b), e.end-e.begin, truncated(err))
		}
		if len(data)+n > cap(data) {
			grown := make([]float32, len(data), min(e.elements, 2*cap(data)))
			copy(grown, data)
			data = grown
		}
		for i := 0; i < len(b); i += dtype.size {
			data = append(data, dtype.float32(b[i:]))
		}
		r.Discard(len(b)) // cannot fail, since Peek has them
	}
	return data, nil
}

// truncated makes the end of the file, where more was due, an error.
func truncated(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// parseFileHeader does with tokens what json.Unmarshal would do with less
// care: that one keeps the last of several equal keys, ignores case, and
// replaces what is no text by U+FFFD.
func parseFileHeader(text []byte) (entries []tensorEntry, metadata map[string]string, err error) {
	if text[0] != '{' {
		return nil, nil, fmt.Errorf("lstm: header begins with %q, want '{'", text[0])
	}
	if !utf8.Valid(text) {
		return nil, nil, errors.New("lstm: header is not valid UTF-8")
	}
	if i := loneSurrogate(text); i >= 0 {
		return nil, nil, fmt.Errorf("lstm: header: %s at byte %d is half a character, want a surrogate pair", text[i:i+6], i)
	}
	p := headerParser{json.NewDecoder(bytes.NewReader(text))}
	p.dec.UseNumber()
	err = p.object("header", func(name string) (err error) {
		if name == metadataKey {
			metadata, err = p.metadata()
			return err
		}
		e, err := p.entry(name)
		entries = append(entries, e)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if rest := bytes.TrimRight(text[p.dec.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, fmt.Errorf("lstm: header: %s follows the JSON object, want spaces", quote(string(rest[:min(len(rest), maxQuote)])))
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
		return nil, fmt.Errorf("lstm: %s: the JSON text ends in the middle", what)
	case err != nil:
		return nil, fmt.Errorf("lstm: %s: byte %d: %w", what, p.dec.InputOffset(), err)
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
		return fmt.Errorf("lstm: %s is %s, want an object", what, tokenText(t))
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
			return fmt.Errorf("lstm: %s: key %s occurs twice", what, quote(key))
		}
		seen[key] = true
		if err := each(key); err != nil {
			return err
		}
	}
	for _, key := range required {
		if !seen[key] {
			return fmt.Errorf("lstm: %s: field %q is missing", what, key)
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
		return "", fmt.Errorf("lstm: %s is %s, want a string", what, tokenText(t))
	}
	return s, nil
}

func (p headerParser) sizes(what string) ([]int, error) {
	t, err := p.token(what)
	if err != nil {
		return nil, err
	}
	if t != json.Delim('[') {
		return nil, fmt.Errorf("lstm: %s is %s, want an array", what, tokenText(t))
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
			return nil, fmt.Errorf("lstm: %s holds %s, want whole numbers from 0 to %d", what, tokenText(t), maxInt)
		}
		list = append(list, int(n))
	}
}

func (p headerParser) metadata() (map[string]string, error) {
	var metadata map[string]string
	err := p.object(metadataKey, func(key string) error {
		value, err := p.string(metadataKey + ": " + quote(key))
		if metadata == nil {
			metadata = make(map[string]string)
		}
		metadata[key] = value
		return err
	})
	return metadata, err
}

func (p headerParser) entry(name string) (tensorEntry, error) {
	e := tensorEntry{name: name}
	var offsets []int
	what := "tensor " + quote(name)
	err := p.object(what, func(field string) (err error) {
		switch field {
		case "dtype":
			e.dtype, err = p.string(what + ": dtype")
		case "shape":
			e.shape, err = p.sizes(what + ": shape")
		case "data_offsets":
			offsets, err = p.sizes(what + ": data_offsets")
		default:
			err = e.errorf("field %s is unknown, want dtype, shape and data_offsets", quote(field))
		}
		return err
	}, "dtype", "shape", "data_offsets")
	if err != nil {
		return e, err
	}
	if len(offsets) != 2 || offsets[0] > offsets[1] {
		return e, e.errorf("data_offsets is %s, want [begin end] with begin ≤ end", sizesText(offsets))
	}
	e.begin, e.end = offsets[0], offsets[1]

	// An element type that cannot be read has no size here. It is an error
	// later, when it is known whether the tensor has a place at all.
	dtype, known := dtypes[e.dtype]
	n, ok := product(e.shape...)
	if ok {
		_, ok = product(n, max(dtype.size, 4))
	}
	if !ok {
		return e, e.errorf("shape is %s, more elements than can be addressed", sizesText(e.shape))
	}
	e.elements = n
	if known && e.end-e.begin != n*dtype.size {
		return e, e.errorf("data_offsets %v span %d bytes, want %d for %s of shape %s",
			offsets, e.end-e.begin, n*dtype.size, e.dtype, sizesText(e.shape))
	}
	return e, nil
}

// writeTensors writes a file with the tensors in the order given. Their names
// must need no escapes in JSON.
func writeTensors(w io.Writer, tensors []tensor, metadata map[string]string) error {
	var header bytes.Buffer
	header.Write(make([]byte, 8)) // the length, once it is known
	separator := "{"
	if len(metadata) > 0 {
		for key, value := range metadata {
			if !utf8.ValidString(key) || !utf8.ValidString(value) {
				return fmt.Errorf("lstm: metadata %s: %s, want valid UTF-8", quote(key), quote(value))
			}
		}
		text, err := json.Marshal(metadata) // keys are sorted
		if err != nil {
			return fmt.Errorf("lstm: metadata: %w", err)
		}
		fmt.Fprintf(&header, `{%q:%s`, metadataKey, text)
		separator = ","
	}
	end := int64(0)
	for _, t := range tensors {
		begin := end
		end += 4 * int64(len(t.data))
		shape := strings.ReplaceAll(fmt.Sprint(t.shape), " ", ",")
		fmt.Fprintf(&header, `%s%q:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, separator, t.name, shape, begin, end)
		separator = ","
	}
	header.WriteByte('}')
	for header.Len()%8 != 0 {
		header.WriteByte(' ')
	}
	length := header.Len() - 8
	if length > maxFileHeader {
		return fmt.Errorf("lstm: header with the metadata takes %d bytes, want at most %d", length, maxFileHeader)
	}
	binary.LittleEndian.PutUint64(header.Bytes(), uint64(length))

	if _, err := w.Write(header.Bytes()); err != nil {
		return fmt.Errorf("lstm: header: %w", err)
	}
	chunk := make([]byte, 0, fileChunk)
	for _, t := range tensors {
		for part := range slices.Chunk(t.data, fileChunk/4) {
			chunk = chunk[:0]
			for _, x := range part {
				chunk = binary.LittleEndian.AppendUint32(chunk, math.Float32bits(x))
			}
			if _, err := w.Write(chunk); err != nil {
				return fmt.Errorf("lstm: tensor %s: %w", quote(t.name), err)
			}
		}
	}
	return nil
}

// maxQuote keeps a hostile name of many megabytes out of error messages.
const maxQuote = 100

func quote(s string) string {
	return strconv.Quote(shorten(s))
}

func shorten(s string) string {
	if len(s) <= maxQuote {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuote], "") + "…"
}

func sizesText(sizes []int) string {
	return shorten(fmt.Sprint(sizes[:min(len(sizes), maxQuote)]))
}

func tokenText(t json.Token) string {
	switch t := t.(type) {
	case string:
		return quote(t)
	case nil:
		return "null"
	}
	return shorten(fmt.Sprint(t))
}
