package sequences

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm/batch"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A loader loads sequences from the store, on a few goroutines that are there while there
// is something to load.
type loader struct {
	all     *Sequences
	mutex   sync.Mutex
	waiting []*sequence
	running int
	adopted time.Duration // when the log last told of one, 0 if never
}

// add loads q, of which the caller had the turn.
func (l *loader) add(q *sequence) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.waiting = append(l.waiting, q)
	if l.running < runtime.GOMAXPROCS(0) {
		l.running++
		l.all.running.Go(l.run) // so that the keeper does not end before, which makeRoom needs
	}
}

func (l *loader) run() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for len(l.waiting) > 0 {
		q := l.waiting[0]
		l.waiting[0] = nil
		l.waiting = l.waiting[1:]
		l.mutex.Unlock()
		l.all.makeRoom()
		l.load(q)
		q.release()
		l.mutex.Lock()
	}
	l.waiting = nil
	l.running--
}

// load makes q what the store says. The caller has the turn.
func (l *loader) load(q *sequence) {
	stored, r, stream, failed := l.read(q.id)
	q.mutex.Lock()
	q.loading = false
	q.unloadable = failed
	if stored {
		q.counted, q.inStore = true, true // as New has counted it, or whoever has stored it
	}
	q.mutex.Unlock()
	if r == nil {
		return
	}
	l.all.counts.loaded.Add(1)
	q.setRecord(r, stream)
	q.mutex.Lock()
	q.storedStep = r.step
	q.mutex.Unlock()
}

// read returns whether there is a record, and what it says if it has not expired.
func (l *loader) read(id string) (stored bool, r *record, stream *batch.Stream, failed *inferr.Error) {
	s := l.all
	data, err := s.options.Store.Get(id)
	if err != nil {
		s.counts.failures.Add(1)
		return false, nil, nil, inferr.Errorf(codes.Unavailable, "sequence %q cannot be loaded: %v", id, err)
	}
	if data == nil {
		return false, nil, nil, nil
	}
	r, err = decodeRecord(data)
	if err == nil && r.id != id {
		err = fmt.Errorf("the record is of sequence %q", r.id)
	}
	if err != nil {
		return true, nil, nil, inferr.Errorf(codes.DataLoss, "sequence %q: %v", id, err)
	}
	if s.hasExpired(r) {
		return true, nil, nil, nil
	}
	if s.isOverfull() {
		return true, nil, nil, inferr.Errorf(codes.Unavailable, "sequence %q cannot be loaded: others occupy %d bytes of memory, and cannot leave it", id, s.counts.bytes.Load())
	}
	stream, adopted, err := s.decode(r, true)
	if err != nil {
		return true, nil, nil, inferr.Errorf(codes.FailedPrecondition, "sequence %q: its state is not one of the model: %v", id, err).At(r.step)
	}
	if adopted {
		s.counts.adopted.Add(1)
		l.logAdopted(id)
	}
	return true, r, stream, nil
}

// logAdopted tells the log, at most once a minute.
func (l *loader) logAdopted(id string) {
	now := l.all.now()
	l.mutex.Lock()
	log := l.adopted == 0 || now-l.adopted >= failureLogTime
	if log {
		l.adopted = now
	}
	l.mutex.Unlock()
	if log {
		l.all.options.Logger.Info("sequences of another network go on with this one", "sequence", id, "all", l.all.counts.adopted.Load())
	}
}

// hasExpired reports whether r is of a sequence that nobody has used for too long. A time in
// the future counts as now.
func (s *Sequences) hasExpired(r *record) bool {
	idle := s.options.wall().Sub(r.used)
	return idle >= s.options.ExpireTime || r.ended && idle >= s.options.IdleTime
}
