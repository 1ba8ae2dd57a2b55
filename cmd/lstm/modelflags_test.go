package main

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
)

func TestModelFlags(t *testing.T) {
	// As many outputs as inputs, in a module whose name is no head's.
	m := randomModel(3, 3, nil)
	plain := writeModel(t, m)
	path := writeFile(t, "model.safetensors", strings.ReplaceAll(readFile(t, plain), `"head.`, `"fc.1.`))
	const table = "a,b,c\n1,2,3\n4,5,6\n"

	for _, args := range [][]string{{"run", "-model", path}, {"info", path}} {
		r := lstmWith(t, table, args...)
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, `-head "fc.1"`)
	}

	r := lstmWith(t, table, "run", "-model", path, "-head", "fc.1")
	require.Zero(t, r.code, r.err)
	require.Equal(t, lstmWith(t, table, "run", "-model", plain).out, r.out)
	r = lstmWith(t, table, "run", "-model", path, "-no-head", "-lstm", "lstm")
	require.Zero(t, r.code, r.err)
	require.True(t, strings.HasPrefix(r.out, "y0,y1,y2,y3,y4\n"), r.out)

	r = lstmWith(t, "", "info", "-head", "fc.1", path)
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `LSTM +lstm\n`, r.out)
	require.Regexp(t, `head +fc\.1; the number says that other modules precede it`, r.out)
	require.NotContains(t, r.out, "passed over")
	r = lstmWith(t, "", "info", "-no-head", path)
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `head +none\n`, r.out)
	require.Regexp(t, `passed over +fc\.1\.weight\n +fc\.1\.bias\n`, r.out)
	r = lstmWith(t, "", "info", plain)
	require.Regexp(t, `head +head\n`, r.out)

	r = lstmWith(t, table, "run", "-model", plain, "-lstm", "encoder")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, `no module "encoder" is an LSTM; those that are: "lstm"`)
	for _, args := range [][]string{{"run", "-model", path}, {"info"}} {
		r := lstmWith(t, table, append(args, "-head", "fc.1", "-no-head")...)
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.err, "-head and -no-head contradict each other")
	}

	m.Heads[0].Layers[0].(*lstm.Linear).Bias[1] = float32(math.Inf(1))
	path = writeModel(t, m)
	r = lstmWith(t, table, "run", "-model", path)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, `tensor "head.bias": element [1] is +Inf`)
	r = lstmWith(t, table, "run", "-model", path, "-non-finite")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "+Inf")
}

func TestDescribeModule(t *testing.T) {
	for _, name := range []string{"head", "head.0", "a.b", "1a", "-1", "x.+1x"} {
		require.Equal(t, name, describeModule(name))
	}
	for _, name := range []string{"2", "head.1", "net.10"} {
		require.Contains(t, describeModule(name), name+"; the number says")
	}
	require.Equal(t, "names without a prefix", describeModule(""))
	require.NotContains(t, describeModule("a\x1b[2J"), "\x1b")
}

func TestDescribeSourceIsShort(t *testing.T) {
	m := randomModel(2, 1, nil)
	var others strings.Builder
	for range 25 {
		others.WriteString(`"` + strings.Repeat("x", others.Len()/10) + `_":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},`)
	}
	file := readFile(t, writeModel(t, m))
	header := strings.Replace(strings.TrimRight(headerOf(file), " "), "{", "{"+others.String(), 1)
	path := writeFile(t, "model.safetensors", withHeader(file, header))
	r := lstmWith(t, "", "info", "-head", "head", path)
	require.Zero(t, r.code, r.err)
	require.Regexp(t, `\n +and 5 more\n`, r.out)
}

// headerOf returns the JSON text of a model file.
func headerOf(file string) string {
	return file[8 : 8+int(file[0])+int(file[1])<<8]
}

// withHeader replaces it.
func withHeader(file, header string) string {
	length := string([]byte{byte(len(header)), byte(len(header) >> 8), 0, 0, 0, 0, 0, 0})
	return length + header + file[8+len(headerOf(file)):]
}
