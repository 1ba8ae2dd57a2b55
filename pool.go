package lstm

import "sync"

// A pool has the memory of calls that have ended for calls that begin. There is as
// much of it as calls were at work at the same time, and it stays: nothing is
// allocated when there have been as many before.
type pool[T any] struct {
	mutex sync.Mutex
	free  []*T
}

// take returns what another call has given back, or nil if there is nothing left.
func (p *pool[T]) take() *T {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return nil
	}
	taken := p.free[last]
	p.free = p.free[:last]
	return taken
}

func (p *pool[T]) giveBack(taken *T) {
	p.mutex.Lock()
	p.free = append(p.free, taken)
	p.mutex.Unlock()
}
