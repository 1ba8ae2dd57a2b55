package batch

// requests are a queue.
type requests struct{ first, last *request }

func (q *requests) push(r *request) {
	if q.last == nil {
		q.first = r
	} else {
		q.last.next = r
	}
	q.last = r
	r.queued = true
}

// pop returns nil if there are none.
func (q *requests) pop() *request {
	r := q.first
	if r == nil {
		return nil
	}
	q.first = r.next
	if q.first == nil {
		q.last = nil
	}
	r.next, r.queued = nil, false
	return r
}

// remove takes out r, which is in the queue.
func (q *requests) remove(r *request) {
	var before *request
	for at := q.first; at != r; at = at.next {
		before = at
	}
	if before == nil {
		q.first = r.next
	} else {
		before.next = r.next
	}
	if q.last == r {
		q.last = before
	}
	r.next, r.queued = nil, false
}

// streams are a queue of those that have a request whose turn could be now. A stream
// is in it once, and not while a step of it is being taken.
type streams struct {
	first, last *Stream
	n           int
}

func (q *streams) push(s *Stream) {
	if q.last == nil {
		q.first = s
	} else {
		q.last.nextReady = s
	}
	q.last = s
	s.ready = true
	q.n++
}

func (q *streams) pop() *Stream {
	s := q.first
	q.first = s.nextReady
	if q.first == nil {
		q.last = nil
	}
	s.nextReady, s.ready = nil, false
	q.n--
	return s
}
