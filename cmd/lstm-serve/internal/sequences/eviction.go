package sequences

import "time"

// sweepUntilClosed looks for sequences that have been idle for too long.
func (s *Sequences) sweepUntilClosed() {
	ticker := time.NewTicker(min(s.options.IdleTime, s.options.ExpireTime)/16 + 1)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.sweep()
		case <-s.stop:
			return
		}
	}
}

// sweep forgets sequences that have been idle for too long.
func (s *Sequences) sweep() {
	now := s.now()
	least := min(s.options.IdleTime, s.options.ExpireTime)
	for i := range s.index.shards {
		h := &s.index.shards[i]
		h.unused(now-least, func(q *sequence) {
			if q.busy {
				return
			}
			switch idle := now - q.touched; {
			case q.phase == ended && idle >= s.options.IdleTime:
			case q.phase == live && idle >= s.options.ExpireTime:
				s.counts.expired.Add(1)
			default:
				return
			}
			q.vanish()
			q.account()
			delete(h.byID, q.id)
			h.remove(q)
		})
	}
}
