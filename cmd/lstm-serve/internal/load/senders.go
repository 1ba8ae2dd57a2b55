package load

import "sync"

// senders are goroutines that send a request each and wait for its answer. There are
// as many as requests were on their way at the same time, up to a limit; beyond that,
// Send waits.
type senders struct {
	work    chan *Request
	limit   int
	new     func() func(*Request) // makes what a goroutine does with a request
	running sync.WaitGroup
	n       int
}

func newSenders(limit int, new func() func(*Request)) *senders {
	return &senders{work: make(chan *Request), limit: limit, new: new}
}

func (s *senders) Send(r *Request) {
	if s.n < s.limit {
		select {
		case s.work <- r:
			return
		default:
		}
		s.n++
		do := s.new()
		s.running.Go(func() {
			for r := range s.work {
				do(r)
			}
		})
	}
	s.work <- r
}

func (s *senders) close() {
	close(s.work)
	s.running.Wait()
}
