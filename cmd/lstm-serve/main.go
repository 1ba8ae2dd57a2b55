// Command lstm-serve serves trained LSTM networks over the Open Inference Protocol.
package main

func main() {}
