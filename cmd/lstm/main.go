// Command lstm runs trained LSTM networks over tables of numbers.
//
// Without a file it has something to show: a small weather model and the
// measurements to run it on are part of the program.
//
//	lstm run
//	lstm run -model FILE.safetensors < rows.csv > forecasts.csv
//	lstm info FILE.safetensors
//	lstm accuracy
//	lstm bench
//	lstm verify
package main

import "os"

func main() {
	ignoreBrokenPipes()
	os.Exit(execute(untilSignal(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}
