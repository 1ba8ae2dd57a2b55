package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// run executes the command with arguments after "lstm-serve", and ends it as soon as it
// serves.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var out bytes.Buffer
	log := endingWriter{end: end}
	code = execute(ctx, append([]string{"lstm-serve"}, args...), &out, &log)
	return code, out.String(), log.text.String()
}

// An endingWriter calls end when it is told that the server serves.
type endingWriter struct {
	text bytes.Buffer
	end  func()
}

func (w *endingWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "serving") {
		w.end()
	}
	return w.text.Write(p)
}

func TestHelp(t *testing.T) {
	code, out, _ := run(t, "-h")
	require.Zero(t, code)
	for _, part := range []string{"Addresses:", "Limits:", "Log:", "Models:", "Sequences:", "Times:", "Who may connect:", "-store FOLDER"} {
		require.Contains(t, out, part)
	}
}

func TestUsageErrors(t *testing.T) {
	for args, want := range map[string]string{
		"extra":                             `unexpected argument "extra"`,
		"-other":                            "flag provided but not defined: -other",
		"-models=":                          "-models is empty",
		"-http=":                            "-http is empty",
		"-store=":                           "-store is empty",
		"-workers 0":                        "-workers is 0, want at least 1",
		"-batch-size -1":                    "-batch-size is -1, want at least 1",
		"-waiting 0":                        "-waiting is 0, want 1 to 2147483647",
		"-max-streams 4294967296":           "-max-streams is 4294967296, want 1 to 2147483647",
		"-idle-time 0":                      "-idle-time is 0s, want more than 0",
		"-read-timeout -1s":                 "-read-timeout is -1s, want more than 0",
		"-shutdown-time x":                  `invalid value "x" for flag -shutdown-time`,
		"-checkpoint-interval 1s":           "-checkpoint-interval is of no use without -store",
		"-store-size 1GiB":                  "-store-size is of no use without -store",
		"-store a -store-size x":            `-store-size is "x", want a number of bytes such as 512KiB`,
		"-sequence-memory 0":                `-sequence-memory is "0"`,
		"-max-message 4MB":                  `-max-message is "4MB"`,
		"-max-message 2GiB":                 `-max-message is "2GiB", want at most 1GiB`,
		"-max-message 99999999999TiB":       `-max-message is "99999999999TiB"`,
		"-tls-cert a":                       "-tls-cert and -tls-key are of no use without each other",
		"-log-format xml":                   `-log-format is "xml", want text or json`,
		"-log-level loud":                   `-log-level is "loud", want debug, info, warn or error`,
		"-log-level info+1":                 `-log-level is "info+1", want debug, info, warn or error`,
		"-weights int4":                     `-weights is "int4", want float32, float16, int8`,
		"-input-bits 8":                     "-input-bits is 8, want 7 or 14",
		"-weights float16 -input-bits 7":    "-input-bits is of no use with -weights float16, want int8",
		"-store a -checkpoint-interval -1s": "-checkpoint-interval is -1s, want at least 0",
	} {
		t.Run(args, func(t *testing.T) {
			code, _, stderr := run(t, strings.Fields(args)...)
			require.Equal(t, exitUsage, code, stderr)
			require.True(t, strings.HasPrefix(stderr, "lstm-serve: "+want), stderr)
			require.Contains(t, stderr, "usage: lstm-serve [FLAGS]")
		})
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "12B": 12, "3KiB": 3 << 10, "4MiB": 4 << 20, "5 GiB": 5 << 30, "1TiB": 1 << 40} {
		got, err := parseSize("flag", text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// What is wrong with the surroundings is said with the flag that is about it.
func TestFailures(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer taken.Close()
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	require.NoError(t, os.WriteFile(file, []byte("short"), 0o600))
	missing := filepath.Join(folder, "missing", "x")
	for want, args := range map[string][]string{
		"-http " + taken.Addr().String() + ": ":   {"-http", taken.Addr().String()},
		"-grpc " + taken.Addr().String() + ": ":   {"-grpc", taken.Addr().String()},
		"-http nowhere: ":                         {"-http", "nowhere"},
		"the token in " + file + " has 5 bytes":   {"-token-file", file},
		"TLS: ":                                   {"-tls-cert", file, "-tls-key", file},
		"the folder of models: ":                  {"-models", missing},
		"-addresses: ":                            {"-addresses", missing},
		"store: ":                                 {"-store", filepath.Join(file, "x")},
		folder + " has no model, want files NAME": {"-models", folder},
	} {
		t.Run(want, func(t *testing.T) {
			code, _, stderr := run(t, append([]string{"-http", "localhost:0", "-grpc", "localhost:0", "-log-level", "error"}, args...)...)
			require.Equal(t, exitFailure, code, stderr)
			require.True(t, strings.HasPrefix(stderr, "lstm-serve: "+want), stderr)
		})
	}
}

func TestLog(t *testing.T) {
	addresses := []string{"-http", "127.0.0.1:0", "-grpc", "0.0.0.0:0"}
	code, _, stderr := run(t, addresses...)
	require.Zero(t, code, stderr)
	require.Contains(t, stderr, `flag=-grpc`)
	require.NotContains(t, stderr, `flag=-http`, "only this machine can connect to it")
	require.Equal(t, 2, strings.Count(stderr, "level=WARN"), "no token and no TLS")
	require.Contains(t, stderr, "Try it:\n  curl http://127.0.0.1:")

	code, _, stderr = run(t, append(addresses, "-log-format", "json")...)
	require.Zero(t, code)
	for line := range strings.Lines(stderr) {
		require.True(t, strings.HasPrefix(line, `{"time":`), line)
	}
	require.Contains(t, stderr, `"msg":"serving"`)
}
