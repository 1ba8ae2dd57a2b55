// Command lstm-serve serves trained LSTM networks over the Open Inference Protocol, as
// gRPC and as REST, with streams of data that outlive the process.
//
// Without flags it serves a small weather model that is part of the program.
//
//	lstm-serve
//	lstm-serve -models FOLDER -store FOLDER
//	lstm-serve load
package main

import "os"

func main() {
	os.Exit(execute(untilSignal(), os.Args, os.Stdout, os.Stderr))
}
