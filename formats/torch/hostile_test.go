package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

// archiveOf makes a checkpoint of a pickle and of records, by name and content alternately.
func archiveOf(t testing.TB, pickle string, records ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := -2; i < len(records); i += 2 {
		name, content := "m/data.pkl", pickle
		if i >= 0 {
			name, content = "m/"+records[i], records[i+1]
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		require.NoError(t, err)
		_, err = w.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// The words of a pickle.
func text(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}
func number(n int) string {
	return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}
func numbers(list ...int) (s string) {
	s = "("
	for _, n := range list {
		s += number(n)
	}
	return s + "t"
}
func global(module, name string) string { return "c" + module + "\n" + name + "\n" }
func storageOf(class, key string, elements int) string {
	return "(" + text("storage") + global("torch", class) + text(key) + text("cpu") + number(elements) + "tQ"
}
func tensorOf(storage string, offset int, shape, strides string) string {
	return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + number(offset) + shape + strides + "\x89" + global("collections", "OrderedDict") + ")RtR"
}

// stateDict is a pickle of tensors by name.
func stateDict(items ...string) string { return "\x80\x02}(" + strings.Join(items, "") + "u." }

// cellOf is a checkpoint of an nn.LSTMCell with one input and one unit, of zeros, whose
// recurrent weights are made by another text.
func cellOf(t testing.TB, weightHH string) []byte {
	four := storageOf("FloatStorage", "0", 4)
	return archiveOf(t, stateDict(text("weight_ih"), tensorOf(four, 0, numbers(4, 1), numbers(1, 1)), text("weight_hh"), weightHH),
		"data/0", string(make([]byte, 16)))
}

func TestHostilePickles(t *testing.T) {
	four := storageOf("FloatStorage", "0", 4)
	for _, c := range []struct {
		name, pickle, want string
	}{
		{"a system call", "\x80\x02" + global("posix", "system") + "(" + text("true") + "tR.", `data.pkl, byte 2: "posix.system" is none of the classes and functions of which tensors are made, and nothing is executed`},
		{"the same by its name on the stack", "\x80\x04\x8c\x02os\x8c\x06system\x93(" + text("true") + "tR.", `byte 14: "os.system" is none of the classes`},
		{"a class beside tensors", "\x80\x02}" + text("hyper_parameters") + global("argparse", "Namespace") + ")\x81s.",
			`"argparse.Namespace" is none of the classes and functions of which tensors are made, and nothing is executed; a file of a state_dict alone has only those; ` +
				`Python makes one if you trust the file: torch.save(torch.load(FILE, map_location="cpu", weights_only=False)["state_dict"], "model.pt")`},
		{"eval", "\x80\x02" + global("builtins", "eval") + "(" + text("1") + "tR.", `"builtins.eval" is none`},
		{"a name that begins like one", "\x80\x02" + global("torch._utils", "_rebuild_tensor_v2.x") + ".", `"torch._utils._rebuild_tensor_v2.x" is none`},
		{"a function that makes other tensors", "\x80\x02" + global("torch._utils", "_rebuild_sparse_tensor") + ".", `"torch._utils._rebuild_sparse_tensor" is none of the classes and functions of which tensors are made: it makes special ones, quantized or sparse; save`},
		{"a quantized module", "\x80\x02" + global("torch", "ScriptObject") + ".", `"torch.ScriptObject" is none of the classes and functions of which tensors are made: it makes special ones`},
		{"a name without an end", "\x80\x02c" + strings.Repeat("x", 1000), `the name of a class begins with`},
		{"a name that is a number", "\x80\x04K\x01K\x02\x93.", `a class is called 2 in the module 1, want text`},
		{"a call of what is no function", "\x80\x02K\x01)R.", `the pickle calls 1 with a tuple of 0, want a function that makes tensors, with a tuple`},
		{"a call of a storage's class", "\x80\x02" + global("torch", "FloatStorage") + ")R.", `the pickle calls class "torch.FloatStorage" with a tuple of 0`},
		{"a call without a tuple", "\x80\x02" + global("torch", "Size") + "K\x01R.", `the pickle calls class "torch.Size" with 1`},
		{"an instance", "\x80\x02(" + "iposix\nsystem\n.", `operation 0x69 of the pickle is none of those that make tensors`},
		{"an object", "\x80\x02(" + global("torch", "Size") + "o.", `operation 0x6f of the pickle`},
		{"a new object", "\x80\x02" + global("torch", "Size") + ")\x81.", `operation 0x81 of the pickle`},
		{"an extension", "\x80\x02\x82\x01.", `operation 0x82 of the pickle`},
		{"attributes of a list", "\x80\x02]}b.", `the pickle gives attributes to a list, want an OrderedDict`},
		{"attributes of a class", "\x80\x02" + global("torch", "Size") + "}b.", `the pickle gives attributes to class "torch.Size"`},
		{"a dictionary of arguments", "\x80\x02" + global("collections", "OrderedDict") + "(]tR.", `collections.OrderedDict is called with 1 arguments, want none`},
		{"protocol 1", "\x80\x01}.", `the protocol of the pickle is 1, want 2 to 5`},

		{"nothing", "", `data.pkl, byte 0: the pickle ends here, want 1 more bytes`},
		{"no end", "\x80\x02}", `byte 3: the pickle ends here, want 1 more bytes`},
		{"two values", "\x80\x02}}.", `data.pkl ends with 2 values, 0 marks and 0 bytes, want one value`},
		{"bytes after the end", "\x80\x02}..", `data.pkl ends with 1 values, 0 marks and 1 bytes`},
		{"a mark left", "\x80\x02(}.", `ends with 1 values, 1 marks`},
		{"text beyond the end", "\x80\x02X\xff\xff\xff\xff.", `the pickle ends here, want 4294967294 more bytes`},
		{"text of 2^63 bytes", "\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", `the pickle ends here`},
		{"bytes beyond the end", "\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", `the pickle ends here`},
		{"text that is none", "\x80\x02X\x01\x00\x00\x00\xff.", `text is "\xff", want valid UTF-8`},
		{"a value that is not there", "\x80\x02h\x07.", `the operation recalls value 7, which is none`},
		{"nothing to remember", "\x80\x02q\x07.", `the operation remembers a value, and there is none`},
		{"nothing to take", "\x80\x02\x87.", `the operation takes 3 values, and there are 0`},
		{"no mark", "\x80\x02}u.", `the operation takes values from a mark on, and there is none`},
		{"nothing below the mark", "\x80\x02(u.", `the operation changes a value, and there is none`},
		{"half a pair", "\x80\x02}(K\x01u.", `the operation sets 1 keys and values of a dictionary, want pairs`},
		{"values from below a mark", "\x80\x02K\x01(s.", `the operation takes 2 values, and there are 0`},
		{"items of a number", "\x80\x02K\x01K\x02a.", `the operation appends to 1, want a list`},

		{"a number", "\x80\x02K\x01.", `the file holds 1, want a state_dict`},
		{"a tensor alone", "\x80\x02" + tensorOf(four, 0, numbers(4), numbers(1)) + ".", `the file holds a tensor, want a state_dict`},
		{"no tensors", "\x80\x02}.", `the file has no tensors, want the parameters of an LSTM`},
		{"a list in itself", "\x80\x02]q\x00h\x00a.", `it is in the file at another place, too`},
		{"a key twice", stateDict(text("a"), "}", text("a"), "}"), `the key "a" is there twice`},
		{"deep", "\x80\x02" + strings.Repeat("(", 100) + strings.Repeat("t", 100) + ".", `there are more than 50 dictionaries and lists in one another`},
		{"very deep", "\x80\x02)" + strings.Repeat("\x85", 900_000) + ".", `there are more than 50`},
		{"objects", "\x80\x02]" + strings.Repeat(")a", 1_100_000) + ".", `the pickle makes more than 1000000 objects`},
		{"values", "\x80\x02" + strings.Repeat("N", 1_100_000) + ".", `the pickle has more than 1000000 values or marks at once`},
		{"marks", "\x80\x02" + strings.Repeat("(", 1_100_000) + ".", `the pickle has more than 1000000 values or marks at once`},
		{"memory", "\x80\x04N" + strings.Repeat("\x94", 1_100_000) + ".", `the pickle makes more than 1000000 objects`},
		{"lists of lists that double", "\x80\x02" + doubled(40, ")") + ".", `the file has no tensors`},
		{"dictionaries that double", "\x80\x02" + doubled(40, tensorOf(four, 0, numbers(4), numbers(1))) + ".", `it is in the file at another place, too, want tensors that have one name`},
		{"a long name", stateDict(text(strings.Repeat("a", 501)), tensorOf(four, 0, numbers(4), numbers(1))), `its name has 501 bytes, want at most 500`},
		{"many tensors", "\x80\x02" + tensorOf(four, 0, numbers(4), numbers(1)) + "q\x00](" + strings.Repeat("h\x00", 41_000) + "e\x86.", `there are more than 40000 tensors`},
		{"more tensors than a model has", "\x80\x02" + tensorOf(four, 0, numbers(4), numbers(1)) + "q\x00](" + strings.Repeat("h\x00", 10_100) + "e\x86.", `there are 10101 tensors, want at most 10000`},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := archiveOf(t, c.pickle, "data/0", string(make([]byte, 16)))
			assertModest(t, len(file), func() {
				_, err := Read(bytes.NewReader(file), int64(len(file)))
				assertRefused(t, err, c.want, lstm.ErrDamaged, lstm.ErrUnsupported)
			})
		})
	}
}

// doubled is a list of two times a list of two times … what is inmost.
func doubled(n int, inmost string) string {
	s := "]" + inmost + "a"
	for i := range n {
		s += fmt.Sprintf("q%c0](h%ch%ce", i, i, i)
	}
	return s
}

func TestHostileTensors(t *testing.T) {
	four := storageOf("FloatStorage", "0", 4)
	column := numbers(1, 1)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"negative sizes", cellOf(t, tensorOf(four, 0, numbers(-4, -1), column)), `want its storage, offset, sizes and as many strides, none negative`},
		{"negative strides", cellOf(t, tensorOf(four, 0, numbers(4, 1), numbers(-1, 1))), `none negative`},
		{"a negative offset", cellOf(t, tensorOf(four, -1, numbers(4, 1), column)), `none negative`},
		{"a stride lacking", cellOf(t, tensorOf(four, 0, numbers(4, 1), numbers(1))), `as many strides`},
		{"17 sizes", cellOf(t, tensorOf(four, 0, numbers(make([]int, 17)...), numbers(make([]int, 17)...))), `at most 16`},
		{"sizes that are text", cellOf(t, tensorOf(four, 0, "("+text("a")+"t", numbers(1))), `a tensor is made of a storage, 0, a tuple of 1 and a tuple of 1`},
		{"sizes that overflow", cellOf(t, tensorOf(four, 0, numbers(math.MaxInt, math.MaxInt), column)), `more elements than can be addressed`},
		{"strides that overflow", cellOf(t, tensorOf(four, 0, numbers(4, 1), numbers(math.MaxInt, math.MaxInt))), `want a view within the 4 elements of its storage "0"`},
		{"strides beyond the storage", cellOf(t, tensorOf(four, 0, numbers(4, 1), numbers(2, 1))), `want a view within the 4 elements`},
		{"an offset beyond the storage", cellOf(t, tensorOf(four, 1, numbers(4, 1), column)), `a tensor has the sizes [4 1], strides [1 1] and offset 1, want a view within`},
		{"the largest offset", cellOf(t, tensorOf(four, math.MaxInt, numbers(4, 1), column)), `want a view within`},
		{"elements that repeat", cellOf(t, tensorOf(four, 0, numbers(4, 1), numbers(0, 0))), `which repeat elements, want each once: tensor.contiguous() copies them`},
		{"the same by one", cellOf(t, tensorOf(four, 0, numbers(2, 3), column)), `which repeat elements`},
		{"a storage larger than its record", cellOf(t, tensorOf(storageOf("FloatStorage", "0", 400), 0, numbers(4, 1), column)), `tensor "weight_hh": record "data/0" has 16 bytes, want 1600 for 400 elements of torch.float32`},
		{"a storage as large as can be", cellOf(t, tensorOf(storageOf("FloatStorage", "0", math.MaxInt), 0, numbers(4, 1), column)), `a persistent identifier has class "torch.FloatStorage", "0" and`},
		{"a storage of a negative size", cellOf(t, tensorOf(storageOf("FloatStorage", "0", -4), 0, numbers(4, 1), column)), `a persistent identifier has`},
		{"a storage that is a function", cellOf(t, "("+text("storage")+global("torch", "Size")+text("0")+text("cpu")+number(4)+"tQ"), `class "torch.Size" is that of a storage, want one of tensors`},
		{"another identifier", cellOf(t, "("+text("module")+text("x")+"tQ"), `a persistent identifier is a tuple of 2, want ('storage', class, key, location, elements)`},
		{"no record", cellOf(t, tensorOf(storageOf("FloatStorage", "../../1", 4), 0, numbers(4, 1), column)), `record "data/../../1": it is missing`},
		{"integers", cellOf(t, tensorOf(storageOf("IntStorage", "0", 4), 0, numbers(4, 1), column)), `tensor "weight_hh": its elements are torch.int32, want float32, float16, bfloat16 or float64`},
		{"another size", cellOf(t, tensorOf(storageOf("FloatStorage", "0", 4), 0, numbers(4), numbers(1))), `tensor "weight_hh": shape is [4], want [4H, H] of an nn.LSTMCell`},
		{"a parameter of none", cellOf(t, global("torch._utils", "_rebuild_parameter")+"(\x89\x89\x89tR"), `a parameter is made of 3 arguments, want a tensor and two more`},
		{"a tensor of two arguments", cellOf(t, global("torch._utils", "_rebuild_tensor_v2")+"(\x89\x89tR"), `a tensor is made of 2 arguments, want 6 or 7`},
		{"sizes of none", cellOf(t, global("torch", "Size")+"(\x89tR"), `torch.Size is made of 1 arguments, want a tuple`},
		{"another order of bytes", archiveOf(t, stateDict(), "byteorder", "middle"), `record byteorder is "middle", want little or big`},
		{"a long order of bytes", archiveOf(t, stateDict(), "byteorder", strings.Repeat("little", 100)), `record "byteorder" has 600 bytes, want at most 16`},
		{"a pickle beyond all measure", archiveOf(t, strings.Repeat("N", maxPickle+1)), `record "data.pkl" has 16777217 bytes, want at most 16777216`},
		{"two pickles", archiveOf(t, "", "data.pkl", ""), `record "m/data.pkl": there are two of this name`},
		{"two checkpoints", bytes.ReplaceAll(archiveOf(t, "", "data.pkx", ""), []byte("m/data.pkx"), []byte("n/data.pkl")), `this zip file has 2 records NAME/data.pkl, want one`},
		{"program text", archiveOf(t, "", "code/__torch__.py", ""), `this is a TorchScript archive`},
		{"many records", archiveOf(t, "", make([]string, 2*maxRecords)...), `the file has 40101 records, want at most 40100`},
		{"a compressed pickle", compressed(t), `record "data.pkl": it is compressed or encrypted, want it stored as it is`},
		{"no pickle", otherZip(t), `this zip file has 0 records NAME/data.pkl, want one`},
		{"nothing", nil, `it begins with "", want a zip file`},
		{"text", []byte("hello, world"), `it begins with "hello, w", want a zip file`},
		{"a tar file", append(make([]byte, 257), "ustar  "+strings.Repeat("\x00", 600)...), `this is a tar file`},
		{"tensors that share a storage", shared(t), `the tensors share their storages so much that they have more than 16 times the bytes of the file`},
		{"records that overlap", overlapping(t), `the records overlap`},
	} {
		t.Run(c.name, func(t *testing.T) {
			assertModest(t, len(c.file), func() {
				_, err := Read(bytes.NewReader(c.file), int64(len(c.file)))
				assertRefused(t, err, c.want, lstm.ErrDamaged, lstm.ErrUnsupported, lstm.ErrShape)
			})
		})
	}
}

// assertModest demands that f allocates in proportion to the bytes of a file.
func assertModest(t *testing.T, size int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20+100*size))
}

// compressed is a checkpoint whose pickle is a small file of many megabytes.
func compressed(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("m/data.pkl")
	require.NoError(t, err)
	_, err = w.Write(bytes.Repeat([]byte("N"), 1<<20))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func otherZip(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	_, err := z.Create("model.json")
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

// shared is a checkpoint of an nn.LSTM of 300 layers with the same recurrent weights.
func shared(t *testing.T) []byte {
	t.Helper()
	const hidden = 64
	weights := tensorOf(storageOf("FloatStorage", "0", 4*hidden*hidden), 0, numbers(4*hidden, hidden), numbers(hidden, 1))
	var items []string
	for l := range 300 {
		items = append(items, text(fmt.Sprintf("weight_ih_l%d", l)), "h\x00", text(fmt.Sprintf("weight_hh_l%d", l)), "h\x00")
	}
	items[1] = weights + "q\x00"
	return archiveOf(t, stateDict(items...), "data/0", string(make([]byte, 16*hidden*hidden)))
}

// overlapping is a checkpoint of many layers whose records are one.
func overlapping(t *testing.T) []byte {
	t.Helper()
	const hidden, layers = 64, 100
	var items, records []string
	for l := range layers {
		key := fmt.Sprintf("%03d", l)
		weights := tensorOf(storageOf("FloatStorage", key, 4*hidden*hidden), 0, numbers(4*hidden, hidden), numbers(hidden, 1))
		items = append(items, text(fmt.Sprintf("weight_ih_l%d", l)), weights, text(fmt.Sprintf("weight_hh_l%d", l)), weights)
		records = append(records, "data/"+key, "")
	}
	records[1] = string(make([]byte, 16*hidden*hidden))
	file := archiveOf(t, stateDict(items...), records...)
	// Make every entry of the directory one of the first record.
	var first []byte
	for at := bytes.Index(file, []byte("PK\x01\x02")); at >= 0; {
		if name := string(file[at+46:][:10]); name == "m/data/000" {
			first = bytes.Clone(file[at : at+46])
		} else if strings.HasPrefix(name, "m/data/") {
			copy(file[at:], first)
		}
		next := bytes.Index(file[at+4:], []byte("PK\x01\x02"))
		if next < 0 {
			break
		}
		at += 4 + next
	}
	return file
}

// FuzzRead: whatever the bytes, a model that can run or an error of one of the kinds.
func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.pt")
	require.NoError(f, err)
	for _, path := range paths {
		file, err := os.ReadFile(path)
		require.NoError(f, err)
		f.Add(file)
	}
	f.Add(cellOf(f, tensorOf(storageOf("FloatStorage", "0", 4), 0, numbers(4, 1), numbers(1, 1))))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := Read(bytes.NewReader(file), int64(len(file)), lstm.WithoutHead())
		if err != nil {
			assertRefused(t, err, "", lstm.ErrDamaged, lstm.ErrUnsupported, lstm.ErrShape)
			return
		}
		_, err = lstm.NewSequenceNetwork(m)
		require.NoError(t, err)
	})
}

// FuzzUnpickle reaches the machine without the checksums in front of it.
func FuzzUnpickle(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.pt")
	require.NoError(f, err)
	for _, path := range paths {
		file, err := os.ReadFile(path)
		require.NoError(f, err)
		if a, err := openArchive(bytes.NewReader(file), int64(len(file))); err == nil {
			f.Add(string(a.pickle))
		}
	}
	f.Fuzz(func(t *testing.T, pickle string) {
		file := archiveOf(t, pickle, "data/0", string(make([]byte, 16)))
		m, err := Read(bytes.NewReader(file), int64(len(file)), lstm.WithoutHead())
		if err != nil {
			assertRefused(t, err, "", lstm.ErrDamaged, lstm.ErrUnsupported, lstm.ErrShape)
			return
		}
		_, err = lstm.NewSequenceNetwork(m)
		require.NoError(t, err)
	})
}
