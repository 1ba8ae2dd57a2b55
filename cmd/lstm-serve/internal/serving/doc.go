// Package serving has what surrounds the protocols: who may connect, and for how long;
// and what becomes of a panic.
package serving
