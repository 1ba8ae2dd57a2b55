package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"example.com/lstm/cmd/lstm-serve/internal/load"
)

func TestLoadOnEachTarget(t *testing.T) {
	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			folder := t.TempDir()
			report, chart := filepath.Join(folder, "report.json"), filepath.Join(folder, "chart.svg")
			var out, errs strings.Builder
			code := execute(t.Context(), []string{"lstm-serve", "load", "-target", target,
				"-rate", "500,max", "-sequences", "50", "-in-flight", "4", "-length", "1,10:0.5", "-steps", "1,3:0.2",
				"-warm-up", "0s", "-time", "100ms", "-json", report, "-svg", chart}, &out, &errs)
			require.Zero(t, code, errs.String())
			require.Contains(t, out.String(), "bare StepBatch")
			require.FileExists(t, chart)
			text, err := os.ReadFile(report)
			require.NoError(t, err)
			var r load.Report
			require.NoError(t, json.Unmarshal(text, &r))
			require.Len(t, r.Results, 2)
			for _, result := range r.Results {
				require.Positive(t, result.Had)
				require.Empty(t, result.Errors)
			}
		})
	}
}

func TestLoadRefusesFlags(t *testing.T) {
	for flags, message := range map[string]string{
		"-target no":                `-target is "no"`,
		"-rate 0":                   `-rate: rate "0"`,
		"-steps x":                  `-steps: "x"`,
		"-length 0":                 `-length: "0"`,
		"-name a":                   "-name is of no use without -address",
		"-address a -random 2,2":    "-random is of no use with -address",
		"-address a -target direct": "-target direct is of no use with -address",
		"-random 2,2 -model m":      "two models",
		"-calls 0":                  "-calls is 0",
		"-workers 0":                "-workers is 0",
		"-connections 0":            "0 connections",
		"-store a":                  "-store",
		"more":                      `unexpected argument "more"`,
	} {
		var out, errs strings.Builder
		args := append([]string{"lstm-serve", "load"}, strings.Fields(flags)...)
		require.Equal(t, exitUsage, execute(t.Context(), args, &out, &errs), flags)
		require.Contains(t, errs.String(), message)
		require.Empty(t, out.String())
	}
}

func TestLoadInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var out strings.Builder
	errs := &interrupting{"rate 1 of 2", interrupt, strings.Builder{}}
	code := execute(ctx, []string{"lstm-serve", "load", "-target", "process", "-rate", "100,200", "-warm-up", "0s", "-time", "1h"}, &out, errs)
	require.Equal(t, exitFailure, code)
	require.Contains(t, errs.String(), "interrupted")
	require.Contains(t, out.String(), "bare StepBatch")
}

// An interrupting writer interrupts when a text is written.
type interrupting struct {
	text      string
	interrupt func()
	strings.Builder
}

func (w *interrupting) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.interrupt()
	}
	return w.Builder.Write(p)
}

func TestLoadOnNothing(t *testing.T) {
	var out, errs strings.Builder
	require.Equal(t, exitFailure, execute(t.Context(), []string{"lstm-serve", "load", "-address", "localhost:1"}, &out, &errs))
	require.Contains(t, errs.String(), `asking localhost:1 for model "seattle"`)
	require.Equal(t, exitFailure, execute(t.Context(), []string{"lstm-serve", "load", "-random", "2"}, &out, &errs))
	require.Contains(t, errs.String(), "-random 2: want")
}
