package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the operating system does to a process, only a process can show.
func TestProcess(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	program := buildProgram(t)
	model := writeModel(t, randomModel(2, 1, nil))

	t.Run("closed pipe", func(t *testing.T) {
		read, write, err := os.Pipe()
		require.NoError(t, err)
		cmd := exec.Command(program, "run", "-model", model)
		var stderr bytes.Buffer
		// Without an end, since a short table fits into the pipe.
		cmd.Stdin, cmd.Stdout, cmd.Stderr = endlessTable(), write, &stderr
		require.NoError(t, cmd.Start())
		write.Close()
		_, err = bufio.NewReaderSize(read, 16).ReadString('\n')
		require.NoError(t, err)
		read.Close() // as head -1 does
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Wait(), &exit)
		require.Equal(t, exitFailure, exit.ExitCode())
		require.Contains(t, stderr.String(), "of standard output: ")
		require.Regexp(t, `rows +\d+ of standard input`, stderr.String())
	})

	t.Run("full disk", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("there is no /dev/full")
		}
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		require.NoError(t, err)
		defer full.Close()
		for _, args := range [][]string{{"run"}, {"run", "-out", "/dev/full"}, {"-h"}, {"info"}} {
			cmd := exec.Command(program, args...)
			var stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = full, &stderr
			var exit *exec.ExitError
			require.ErrorAs(t, cmd.Run(), &exit)
			require.Equal(t, exitFailure, exit.ExitCode())
			require.Contains(t, stderr.String(), "no space left on device")
		}
	})

	t.Run("full disk under the plot", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("there is no /dev/full")
		}
		link := filepath.Join(t.TempDir(), "chart.png")
		require.NoError(t, os.Symlink("/dev/full", link))
		r := lstmWith(t, "", "run", "-plot", link)
		require.Equal(t, exitFailure, r.code)
		require.Contains(t, r.err, "writing "+link)
	})

	t.Run("killed", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "out.csv")
		cmd := exec.Command(program, "run", "-model", model, "-out", path)
		cmd.Stdin = endlessTable()
		require.NoError(t, cmd.Start())
		require.Eventually(t, func() bool {
			info, err := os.Stat(path)
			return err == nil && info.Size() > 100_000
		}, time.Minute, time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		rows := strings.SplitAfter(readFile(t, path), "\n")
		require.Empty(t, rows[len(rows)-1], "the last row is whole")
		require.Equal(t, "y0\n", rows[0])
	})

	t.Run("interrupted", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("a process cannot interrupt another one")
		}
		for name, stdin := range map[string]io.Reader{"working": endlessTable(), "waiting": tableAndSilence(t)} {
			t.Run(name, func(t *testing.T) {
				cmd := exec.Command(program, "run", "-model", model)
				cmd.Stdin = stdin
				stdout, err := cmd.StdoutPipe()
				require.NoError(t, err)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				require.NoError(t, cmd.Start())
				rows := bufio.NewReader(stdout)
				for range 2 {
					_, err := rows.ReadString('\n')
					require.NoError(t, err)
				}
				require.NoError(t, cmd.Process.Signal(os.Interrupt))
				rest, err := io.ReadAll(rows)
				require.NoError(t, err)
				require.True(t, len(rest) == 0 || rest[len(rest)-1] == '\n', "the last row is whole")
				require.Error(t, cmd.Wait())
				require.Equal(t, exitInterrupted, cmd.ProcessState.ExitCode())
				require.Regexp(t, `rows +\d+ of standard input\n`, stderr.String())
			})
		}
	})
}

// buildProgram builds the command and returns its path.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "lstm.exe")
	output, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(output))
	return program
}

// endlessTable is a table of two columns without an end.
func endlessTable() io.Reader {
	return io.MultiReader(strings.NewReader("a,b\n"), &repeated{text: "3,0.5\n-4,7\n"})
}

// tableAndSilence is a table of one row, after which nothing comes, nor an end.
func tableAndSilence(t *testing.T) io.Reader {
	read, write, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() {
		write.Close()
		read.Close()
	})
	_, err = io.WriteString(write, "a,b\n1,2\n")
	require.NoError(t, err)
	return read
}
