package load

// A queue has as many requests as it has room for at most.
type queue struct {
	ring []*Request
	head int
	n    int
}

func newQueue(room int) queue { return queue{ring: make([]*Request, room)} }

func (q *queue) push(r *Request) {
	q.ring[(q.head+q.n)%len(q.ring)] = r
	q.n++
}

// first is nil if there is none.
func (q *queue) first() *Request {
	if q.n == 0 {
		return nil
	}
	return q.ring[q.head]
}

func (q *queue) pop() *Request {
	r := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return r
}
