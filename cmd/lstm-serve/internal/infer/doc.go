// Package infer answers inference requests, whichever protocol they have come by: it
// finds the model, checks the tensors, and takes the steps.
package infer
