//go:build !linux && !darwin

package guard

// Pages says whether buffers lie between pages that nobody may touch.
const Pages = false

// New returns a buffer for at least n floats.
func New(n int) *Buffer {
	const margin = 1 << 10
	b := &Buffer{
		floats:      make([]float32, margin+max(n, 1)+margin),
		margin:      margin,
		releaseFunc: func() {},
	}
	b.Fill(-b.margin, b.Len()+b.margin)
	return b
}
