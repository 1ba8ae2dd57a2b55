package batch

import "time"

// idleStreams are the open streams of a worker, if there is an Options.IdleTime, from
// the one whose last step is longest ago.
type idleStreams struct {
	timer       *time.Timer // nil without an IdleTime
	first, last *Stream
}

func (q *idleStreams) push(s *Stream, now time.Duration) {
	s.stepped, s.before, s.after, s.listed = now, q.last, nil, true
	if q.last == nil {
		q.first = s
	} else {
		q.last.after = s
	}
	q.last = s
}

func (q *idleStreams) remove(s *Stream) {
	if !s.listed {
		return
	}
	if s.before == nil {
		q.first = s.after
	} else {
		s.before.after = s.after
	}
	if s.after == nil {
		q.last = s.before
	} else {
		s.after.before = s.before
	}
	s.before, s.after, s.listed = nil, nil, false
}

// touch says that s has stepped now.
func (q *idleStreams) touch(s *Stream, now time.Duration) {
	if s.listed {
		q.remove(s)
		q.push(s, now)
	}
}

func (q *idleStreams) stop() {
	if q.timer != nil {
		q.timer.Stop()
	}
}

// closeIdle closes the streams that are idle, and says when to look again. It locks
// the mutex.
func (w *worker) closeIdle() {
	w.mutex.Lock()
	if w.closed {
		w.mutex.Unlock()
		return
	}
	w.running.Add(1) // the goroutine has not ended, so nobody has waited in vain
	defer w.running.Done()
	closed := w.takeIdle(now())
	w.mutex.Unlock()
	if w.options.OnIdle != nil {
		for _, s := range closed {
			w.options.OnIdle(s)
		}
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !w.closed {
		w.idle.timer.Reset(w.untilIdle(now()))
	}
}

// takeIdle closes the streams that are idle, and returns them.
func (w *worker) takeIdle(now time.Duration) (closed []*Stream) {
	for s := w.idle.first; s != nil && now-s.stepped >= w.options.IdleTime; s = w.idle.first {
		if s.taken || s.requests.first != nil {
			w.idle.touch(s, now)
			continue
		}
		w.closeStream(s)
		w.counts.idle++
		closed = append(closed, s)
	}
	return closed
}

// untilIdle is how long it is until the next stream can be idle, but long enough that
// streams that become so one after another are found together.
func (w *worker) untilIdle(now time.Duration) time.Duration {
	least := w.options.IdleTime/16 + 1
	if s := w.idle.first; s != nil {
		return max(least, s.stepped+w.options.IdleTime-now)
	}
	return w.options.IdleTime
}

// open counts a new stream. It locks the mutex.
func (w *worker) open(s *Stream) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.counts.streams++
	if w.idle.timer != nil && !w.closed {
		w.idle.push(s, now())
	}
}

func (w *worker) closeStream(s *Stream) {
	if !s.closed {
		s.closed = true
		w.counts.streams--
		w.idle.remove(s)
	}
}
