package safetensors

import "strings"

// foreignBytes is how much of a file's start tells what it is.
const foreignBytes = 32

// signatures are the starts of files that are taken for safetensors files by
// mistake, with what to do about it.
var signatures = []struct{ start, what string }{
	{"PK\x03\x04", "a zip archive, as torch.save and Keras write it: package formats/torch reads those of torch.save, and lstm convert writes them as safetensors"},
	{"\x80\x02", pickle},
	{"\x80\x04", pickle},
	{"\x80\x05", pickle},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes it: docs/keras.md says how it is read"},
	{"\x93NUMPY", "an array of NumPy's: save the weights as safetensors"},
	{"version https://git-lfs", "a git-lfs pointer in place of a file: git lfs pull fetches the file"},
	{"<", "HTML or XML, such as a server sends in place of a file it refuses: look at it in a text editor"},
	{"{", "JSON text without the length that begins a safetensors file: package formats/rtneural reads that of RTNeural"},
}

const pickle = "a pickle, as torch.save wrote it once: load it in Python, and save the weights with safetensors.torch.save_file"

// foreign says what the file is that begins with start, or nothing if it does
// not know. It may be wrong where start is the length of a sound header.
func foreign(start []byte) string {
	text := strings.TrimLeft(string(start), " \t\r\n\ufeff")
	for _, s := range signatures {
		if strings.HasPrefix(text, s.start) {
			return s.what
		}
	}
	if isONNX(start) {
		return "an ONNX model, by the look of it: package formats/onnx reads those, and lstm convert writes them as safetensors"
	}
	return ""
}

// isONNX recognises how exporters begin the message ModelProto: with field 1,
// ir_version, a small number, and field 2, producer_name, a short text.
func isONNX(start []byte) bool {
	return len(start) > 3 && start[0] == 1<<3 && start[1] < 0x80 && start[2] == 2<<3|2 && start[3] < 0x80
}
