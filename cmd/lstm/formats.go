package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"example.com/lstm"
	"example.com/lstm/formats/keras"
	"example.com/lstm/formats/onnx"
	"example.com/lstm/formats/rtneural"
	"example.com/lstm/formats/torch"
)

// A format is a kind of model files.
type format struct {
	name    string // for messages
	errors  string // what its package's errors begin with
	begins  func(start []byte) bool
	modules bool     // the names of modules say what is what
	flags   []string // those that choose what of a file is read
	read    func(f *modelFile, c modelChoice) (*lstm.Model, error)
}

// Flags that choose among the modules of a state_dict, and among what is in a graph.
var (
	moduleFlags = []string{"prefix", "lstm", "head", "no-head"}
	nodeFlags   = []string{"lstm", "output"}
)

// formats are those that are read, each known by how its files begin. The last is taken
// for what is none of the others: its errors say what the file looks like.
var formats = []*format{
	{"a Keras model", "keras: ", isKeras, false, nil, readKeras},
	{"a PyTorch checkpoint", "torch: ", isTorch, true, moduleFlags, readTorch},
	{"RTNeural's JSON", "rtneural: ", isJSON, true, moduleFlags, readRTNeural},
	{"an ONNX model", "onnx: ", isONNX, false, nodeFlags, readONNX},
	safetensors,
}

var safetensors = &format{"safetensors", "lstm: ", isSafetensors, true, moduleFlags, readSafetensors}

// A modelFile is one that is read from its begin, of which a part has been looked at.
type modelFile struct {
	path  string
	file  *os.File
	start []byte
	*bufio.Reader
}

// startBytes is how much of a file tells its format.
const startBytes = 4096

// zipFile is how a zip archive begins, in which the name of the first record comes after 30
// bytes.
const zipFile = "PK\x03\x04"

// isKeras knows models of TensorFlow.js, and the files of Keras itself, whose errors say
// how they become such models.
func isKeras(start []byte) bool {
	if key := firstKey.FindSubmatch(start); key != nil {
		return slices.Contains([]string{"format", "generatedBy", "convertedBy", "modelTopology", "weightsManifest", "userDefinedMetadata", "class_name"}, string(key[1]))
	}
	if bytes.HasPrefix(start, []byte(zipFile)) && len(start) > 30 {
		return bytes.HasPrefix(start[30:], []byte("metadata.json")) || bytes.HasPrefix(start[30:], []byte("config.json"))
	}
	return bytes.HasPrefix(start, []byte("\x89HDF\r\n\x1a\n"))
}

func isTorch(start []byte) bool {
	return bytes.HasPrefix(start, []byte(zipFile)) || bytes.HasPrefix(start, []byte("\x80\x02\x8a\x0a"))
}

// firstKey is how a JSON object begins.
var firstKey = regexp.MustCompile(`^\s*\{\s*"([^"\\]*)"`)

func isJSON(start []byte) bool { return firstKey.Match(start) }

// isONNX reports whether a message begins as exporters begin a ModelProto: with its first
// field, a small number.
func isONNX(start []byte) bool {
	return len(start) > 2 && start[0] == 1<<3 && 0 < start[1] && start[1] < 0x80 && !isSafetensors(start)
}

// isSafetensors reports whether there is a length below 2^32 and then JSON.
func isSafetensors(start []byte) bool {
	return len(start) > 8 && binary.LittleEndian.Uint64(start) < 1<<32 && start[8] == '{'
}

// readKeras reads a model by its path, since its weights are in files beside it.
func readKeras(f *modelFile, c modelChoice) (*lstm.Model, error) {
	if c.nonFinite {
		return nil, errors.New("-non-finite is for other formats: weights of a Keras model must be finite")
	}
	return keras.Open(f.path)
}

func readTorch(f *modelFile, c modelChoice) (*lstm.Model, error) {
	if info, err := f.file.Stat(); err == nil && info.Mode().IsRegular() {
		return torch.Read(f.file, info.Size(), c.options...)
	}
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	return torch.Read(bytes.NewReader(content), int64(len(content)), c.options...)
}

// readONNX reads a model by its path, since weights may be in files beside it.
func readONNX(f *modelFile, c modelChoice) (*lstm.Model, error) {
	var options []onnx.Option
	if c.nonFinite {
		options = append(options, onnx.WithNonFinite())
	}
	if c.lstms != nil {
		options = append(options, onnx.WithLSTM(c.lstms...))
	}
	if c.outputs != nil {
		options = append(options, onnx.WithOutput(c.outputs...))
	}
	return onnx.Open(f.path, options...)
}

func readRTNeural(f *modelFile, c modelChoice) (*lstm.Model, error) {
	return rtneural.Read(f, c.options...)
}

func readSafetensors(f *modelFile, c modelChoice) (*lstm.Model, error) {
	return lstm.ReadModel(f, c.options...)
}

// readModelFile reads the model in a file of any format.
func readModelFile(path string, c modelChoice) (*lstm.Model, *format, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	f := &modelFile{path: path, file: file, Reader: bufio.NewReaderSize(file, startBytes)}
	if f.start, err = f.Peek(startBytes); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	is := formatOf(f.start)
	for _, flag := range c.names {
		switch {
		case slices.Contains(is.flags, flag):
		case flag == "output":
			return nil, nil, fmt.Errorf("%s: -output chooses among the values of an ONNX graph, and the file is %s", path, is.name)
		default:
			return nil, nil, fmt.Errorf("%s: -%s chooses among the modules of a state_dict, and the file is %s, which says itself what there is", path, flag, is.name)
		}
	}
	m, err := is.read(f, c)
	if err != nil && !is.begins(f.start) && len(f.start) > 0 {
		err = fmt.Errorf("%w; files of safetensors, PyTorch, ONNX, Keras and RTNeural are read, and this begins as none of them", err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %s", path, namingFlags(strings.TrimPrefix(strings.TrimPrefix(err.Error(), is.errors), path+": ")))
	}
	return m, is, nil
}

// An optionCall is how errors advise an option, alone or with what it is given.
var optionCall = regexp.MustCompile(`(?:lstm|onnx)\.(With[A-Za-z]+)(?:\(((?:"(?:[^"\\]|\\.)*"(?:, )?)*)\))?`)

var optionFlags = map[string]string{"WithPrefix": "-prefix", "WithLSTM": "-lstm", "WithHead": "-head", "WithoutHead": "-no-head",
	"WithNonFinite": "-non-finite", "WithOutput": "-output"}

// namingFlags is an error's text with the flags in place of the options they stand for.
func namingFlags(text string) string {
	return optionCall.ReplaceAllStringFunc(text, func(call string) string {
		parts := optionCall.FindStringSubmatch(call)
		flag, ok := optionFlags[parts[1]]
		switch {
		case !ok:
			return call
		case parts[2] == "":
			return flag
		}
		// Several names are one value, with commas between.
		return flag + " " + strings.ReplaceAll(parts[2], `", "`, ",")
	})
}

func formatOf(start []byte) *format {
	for _, f := range formats {
		if f.begins(start) {
			return f
		}
	}
	return formats[len(formats)-1]
}
