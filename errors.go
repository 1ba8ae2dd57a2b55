package lstm

import "example.com/lstm/internal/errkind"

// Kinds of errors, for errors.Is. The errors themselves say in words what is
// wrong with what.
var (
	// ErrUnsupported: the data are what they claim to be, and of a kind that
	// this version of the package does not handle, or not without being told how.
	ErrUnsupported = errkind.ErrUnsupported
	// ErrContract: a state was computed under another numeric contract.
	ErrContract = errkind.ErrContract
	// ErrWeights: a state was computed with other weights.
	ErrWeights = errkind.ErrWeights
	// ErrShape: a length or a size is not the one that is needed.
	ErrShape = errkind.ErrShape
	// ErrDamaged: the data are not what they should be: truncated, altered,
	// weights that are not finite, or something else altogether.
	ErrDamaged = errkind.ErrDamaged
)
