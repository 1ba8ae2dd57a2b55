package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"

	"example.com/lstm"
	"example.com/lstm/internal/errkind"
	"example.com/lstm/internal/safetensors"
)

// maxPickle is the most bytes of a pickle; that of 10,000 tensors has 2 MB. What is made of
// it takes up to 20 times as much memory.
const maxPickle = 16 << 20

// maxRepeats limits the bytes that are read to so many times the file's. Tensors share
// storages, so that a small file can hold many large ones.
const maxRepeats = 16

// maxRecords is the most records of a file: the storages of as many tensors as there may
// be, and a few more.
const maxRecords = maxTensors + 100

// An archive is a checkpoint whose pickle has been read.
type archive struct {
	r       io.ReaderAt
	size    int64
	root    string // of the names of all records, with its slash
	records map[string]*zip.File
	pickle  []byte
	order   binary.ByteOrder
	sound   map[string]int64 // where the bytes of records begin that are what their checksum says
	budget  int64            // bytes that may still be read
}

func openArchive(r io.ReaderAt, size int64) (*archive, error) {
	if err := foreign(r, size); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		if errors.Is(err, zip.ErrFormat) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errkind.Errorf(lstm.ErrDamaged, "it begins as a zip file and has no directory of records at its end: %w", err)
		}
		return nil, err
	}
	if len(z.File) > maxRecords {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "the file has %d records, want at most %d", len(z.File), maxRecords)
	}
	a := &archive{r: r, size: size, records: make(map[string]*zip.File), sound: make(map[string]int64), budget: maxRepeats * size, order: binary.LittleEndian}
	pickles := 0
	for _, f := range z.File {
		if a.records[f.Name] != nil {
			return nil, errkind.Errorf(lstm.ErrDamaged, "record %s: there are two of this name, want one", safetensors.Quote(f.Name))
		}
		a.records[f.Name] = f
		root, name, nested := strings.Cut(f.Name, "/")
		switch {
		case nested && (name == "constants.pkl" || strings.HasPrefix(name, "code/")):
			return nil, errkind.Errorf(lstm.ErrUnsupported, "record %s: this is a TorchScript archive of torch.jit.save, a program; save its numbers: "+
				"torch.save(torch.jit.load(FILE).state_dict(), \"model.pt\")", safetensors.Quote(f.Name))
		case nested && name == "data.pkl":
			a.root = root + "/"
			pickles++
		}
	}
	if pickles != 1 {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "this zip file has %d records NAME/data.pkl, want one, as torch.save writes it", pickles)
	}
	if a.pickle, err = a.content("data.pkl", maxPickle); err != nil {
		return nil, err
	}
	if a.records[a.root+"byteorder"] != nil {
		text, err := a.content("byteorder", 16)
		if err != nil {
			return nil, err
		}
		switch string(text) {
		case "little":
		case "big":
			a.order = binary.BigEndian
		default:
			return nil, errkind.Errorf(lstm.ErrUnsupported, "record byteorder is %s, want little or big", safetensors.Quote(string(text)))
		}
	}
	return a, nil
}

// foreign returns an error if the file is of another format.
func foreign(r io.ReaderAt, size int64) error {
	start := make([]byte, min(max(size, 0), 512))
	if n, err := r.ReadAt(start, 0); n < len(start) {
		return err
	}
	const legacy = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19" // a pickle of the number that begins such files
	const resave = "load it in Python and save it again: torch.save(torch.load(FILE, map_location=\"cpu\"), FILE)"
	switch {
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return nil
	case bytes.HasPrefix(start, []byte(legacy)):
		return errkind.Errorf(lstm.ErrUnsupported, "this is a file of torch.save from before PyTorch 1.6, or with _use_new_zipfile_serialization=False, want a zip file; %s", resave)
	case len(start) == 512 && string(start[257:262]) == "ustar":
		return errkind.Errorf(lstm.ErrUnsupported, "this is a tar file, as torch.save wrote before PyTorch 0.2, want a zip file; %s", resave)
	}
	return errkind.Errorf(lstm.ErrUnsupported, "it begins with %q, want a zip file, as torch.save writes it", start[:min(len(start), 8)])
}

// content returns the bytes of a record that has at most so many.
func (a *archive) content(name string, most int64) ([]byte, error) {
	size, begin, err := a.record(name)
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, errkind.Errorf(lstm.ErrUnsupported, "record %s has %d bytes, want at most %d", safetensors.Quote(name), size, most)
	}
	b := make([]byte, size)
	return b, a.readAt(b, begin)
}

// readAt fills b with what begins there.
func (a *archive) readAt(b []byte, begin int64) error {
	if a.budget -= int64(len(b)); a.budget < 0 {
		return errkind.Errorf(lstm.ErrUnsupported, "the tensors share their storages so much that they have more than %d times the bytes of the file", maxRepeats)
	}
	if n, err := a.r.ReadAt(b, begin); n < len(b) {
		return err
	}
	return nil
}

// record returns how many bytes a record has, and where they begin, when it has
// compared them with their checksum.
func (a *archive) record(name string) (size, begin int64, err error) {
	damaged := func(format string, args ...any) (int64, int64, error) {
		return 0, 0, errkind.Errorf(lstm.ErrDamaged, "record "+safetensors.Quote(name)+": "+format, args...)
	}
	f := a.records[a.root+name]
	if f == nil {
		return damaged("it is missing")
	}
	size = int64(f.UncompressedSize64)
	if begin, ok := a.sound[name]; ok {
		return size, begin, nil
	}
	if f.Method != zip.Store || f.Flags&1 != 0 || f.CompressedSize64 != f.UncompressedSize64 {
		return 0, 0, errkind.Errorf(lstm.ErrUnsupported, "record %s: it is compressed or encrypted, want it stored as it is, as torch.save does", safetensors.Quote(name))
	}
	if begin, err = f.DataOffset(); err != nil {
		return damaged("%w", err)
	}
	if size < 0 || begin > a.size || size > a.size-begin {
		return damaged("it has %d bytes from byte %d on, want them within the %d bytes of the file", f.UncompressedSize64, begin, a.size)
	}
	if a.budget -= size; a.budget < 0 {
		return damaged("the records overlap")
	}
	sum := crc32.NewIEEE()
	if _, err := io.Copy(sum, io.NewSectionReader(a.r, begin, size)); err != nil {
		return 0, 0, err
	}
	if got := sum.Sum32(); got != f.CRC32 {
		return damaged("its checksum is %08x, want %08x (torch.serialization.set_crc32_options(False) writes none)", got, f.CRC32)
	}
	a.sound[name] = begin
	return size, begin, nil
}
