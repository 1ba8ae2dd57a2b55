package sequences

import (
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A Store keeps the records of the sequences of a model. store.Model is one.
type Store interface {
	// Get returns the record of that id, nil if there is none.
	Get(id string) ([]byte, error)
	// Write puts records in the place of those with the same ids, and deletes those
	// that are nil: all or, with an error, none. When it returns, they survive.
	Write(ids []string, records [][]byte) error
	// Range calls visit with at most so many records, in the order of their ids, of
	// those that come after an id. last is the last id, empty if there are no more.
	Range(after string, most int, visit func(id string, record []byte)) (last string, err error)
}

// A keeper stores sequences: its goroutine writes what has been captured, in transactions.
type keeper struct {
	all   *Sequences
	store Store
	wake  chan struct{} // gets an element when there is something to write
	stop  chan struct{} // closed when all has been taken that ever will be

	mutex     sync.Mutex
	dirty     []*sequence // that have changed since they were captured
	captured  []capture
	capturing int // sequences that will be captured soon
	failing   failure
}

// A capture is a sequence as it was between two requests.
type capture struct {
	sequence *sequence // nil if it need not know
	number   uint64    // counts the captures of the sequence
	version  uint64
	step     uint64
	life     uint64
	id       string
	record   []byte      // nil if it does not exist
	written  func(error) // told of the captures before; then there is nothing else
}

// mostRecords is how many records are written in one transaction.
const mostRecords = 1000

// durable reports whether answers wait until their steps are stored.
func (s *Sequences) durable() bool {
	return s.keeper != nil && s.options.CheckpointInterval == 0
}

// interval is how long it is from one checkpoint to the next. Where answers wait, there
// is something to do only after a failure.
func (k *keeper) interval() time.Duration {
	if d := k.all.options.CheckpointInterval; d > 0 {
		return d
	}
	return time.Second
}

// run is the goroutine of the keeper.
func (k *keeper) run() {
	// What changes at the begin of a checkpoint is stored at the end of the next.
	spread := k.interval() / 5
	ticker := time.NewTicker(k.interval() - spread)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			k.checkpoint(spread)
		case <-k.wake:
			k.write()
		case <-k.stop:
			k.finish()
			return
		}
	}
}

// finish stores all that is not stored, unless storing fails.
func (k *keeper) finish() {
	for {
		k.checkpoint(0)
		k.mutex.Lock()
		wait := k.capturing > 0 && len(k.captured) == 0
		done := k.capturing == 0 && len(k.captured) == 0 && (len(k.dirty) == 0 || k.failing.is())
		k.mutex.Unlock()
		if done {
			return
		}
		if wait {
			<-k.wake
		}
	}
}

// recordsAtOnce is how many records a checkpoint writes before it lets others go on:
// some milliseconds of a processor.
const recordsAtOnce = 250

// checkpoint captures all sequences that have changed, and writes them, with pauses that
// are as long as spread together, so that steps need not wait for the whole. Those that
// are busy come after their requests.
func (k *keeper) checkpoint(spread time.Duration) {
	k.mutex.Lock()
	dirty := k.dirty
	k.dirty = nil
	failing := k.failing.is()
	k.mutex.Unlock()
	transactions := k.all.counts.transactions.Load()
	pause := spread / time.Duration(len(dirty)/recordsAtOnce+1)
	for len(dirty) > 0 {
		n := min(len(dirty), recordsAtOnce)
		for _, q := range dirty[:n] {
			k.capture(q)
		}
		dirty = dirty[n:]
		if !k.write() {
			break
		}
		if pause > 0 && len(dirty) > 0 && !k.pause(pause) {
			pause = 0
		}
	}
	dirty = slices.DeleteFunc(dirty, (*sequence).unlistSaved)
	k.mutex.Lock()
	k.dirty = append(k.dirty, dirty...)
	k.mutex.Unlock()
	k.write()
	if failing && k.all.counts.transactions.Load() == transactions { // or it might fail for good
		k.transact(nil)
	}
}

// unlistSaved reports whether there is nothing to store of q, which was listed: it is no
// longer then, since while storing fails its turn may never come.
func (q *sequence) unlistSaved() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.version != q.saved {
		return false
	}
	q.listed = false
	return true
}

// pause writes what somebody waits for, and nothing else, for that time. It reports
// whether the keeper goes on after it.
func (k *keeper) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-k.wake:
			k.write()
		case <-k.stop:
			return false
		}
	}
}

// add says that q has changed, and is marked as listed.
func (k *keeper) add(q *sequence) {
	k.mutex.Lock()
	k.dirty = append(k.dirty, q)
	k.mutex.Unlock()
}

// capture captures q now, if nobody has the turn, and otherwise as soon as possible.
func (k *keeper) capture(q *sequence) {
	q.mutex.Lock()
	q.listed = false
	if q.version == q.saved || q.wanted {
		q.mutex.Unlock()
		return
	}
	k.expect()
	if q.busy {
		q.wanted = true
		q.holders = append(q.holders, &holder{granted: func() { go k.captureHeld(q) }})
		q.mutex.Unlock()
		return
	}
	q.busy = true
	q.mutex.Unlock()
	k.captureHeld(q)
}

// expect says that captureHeld will be called.
func (k *keeper) expect() {
	k.mutex.Lock()
	k.capturing++
	k.mutex.Unlock()
}

// captureHeld captures q, of which the caller has the turn, and ends that.
func (k *keeper) captureHeld(q *sequence) {
	c := capture{sequence: q, version: q.version, step: q.step, life: q.life, id: q.id}
	q.mutex.Lock()
	q.wanted = false
	q.captured++
	q.captures++
	c.number = q.captures
	q.mutex.Unlock()
	var err error
	if q.phase != absent {
		var r *record
		if r, err = q.record(); err == nil {
			c.record = r.append(make([]byte, 0, r.size()))
		}
	}
	k.mutex.Lock()
	k.capturing--
	if err == nil {
		k.captured = append(k.captured, c)
	}
	k.mutex.Unlock()
	if err != nil { // not with a batcher whose queue has no end
		k.settle(&c, err)
	}
	k.signal()
	q.release()
}

func (k *keeper) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// put writes records of sequences of which the caller has the turns, after what has been
// captured of them before, and returns when that is done.
func (k *keeper) put(ids []string, records [][]byte) *inferr.Error {
	results := make(chan error, 1)
	k.mutex.Lock()
	for i, id := range ids {
		k.captured = append(k.captured, capture{id: id, record: records[i]})
	}
	k.captured = append(k.captured, capture{written: func(err error) { results <- err }})
	k.mutex.Unlock()
	k.signal()
	if err := <-results; err != nil {
		return errNotStored(err)
	}
	return nil
}

func errNotStored(err error) *inferr.Error {
	return inferr.Errorf(codes.Unavailable, "storing has failed: %v", err)
}

// write writes what has been captured, and reports whether that has worked. If it has not,
// all of it counts as not captured.
func (k *keeper) write() bool {
	for {
		k.mutex.Lock()
		captured := k.captured
		k.captured = nil
		k.mutex.Unlock()
		if len(captured) == 0 {
			return true
		}
		var err error
		for len(captured) > 0 {
			n := min(len(captured), mostRecords)
			for n < len(captured) && captured[n-1].id != "" && captured[n-1].sequence == nil {
				n++ // what was put together is written together
			}
			if err == nil {
				err = k.transact(captured[:n])
			}
			for i := range captured[:n] {
				k.settle(&captured[i], err)
			}
			captured = captured[n:]
		}
		if err != nil {
			return false
		}
	}
}

// transact writes captures in one transaction. Without any it tries whether that works.
func (k *keeper) transact(captured []capture) error {
	ids, records := make([]string, 0, len(captured)), make([][]byte, 0, len(captured))
	bytes := 0
	for _, c := range captured {
		if c.written == nil {
			ids, records = append(ids, c.id), append(records, c.record)
			bytes += len(c.record)
		}
	}
	if len(ids) == 0 && len(captured) > 0 {
		return nil
	}
	begin := k.all.now()
	err := k.store.Write(ids, records)
	end := k.all.now()
	c := &k.all.counts
	c.writing.Add(int64(end - begin))
	c.lastWriting.Store(int64(end - begin))
	c.transactions.Add(1)
	if err == nil {
		c.recordsWritten.Add(uint64(len(ids)))
		c.bytesWritten.Add(uint64(bytes))
		c.lastWritten.Store(k.all.options.wall().UnixNano())
	}
	k.note(err, end)
	return err
}

// settle tells whom it concerns what has become of a capture.
func (k *keeper) settle(c *capture, err error) {
	if c.written != nil {
		c.written(err)
	}
	q := c.sequence
	if q == nil {
		return
	}
	q.mutex.Lock()
	q.captured--
	list := false
	if err == nil {
		q.saved = max(q.saved, c.version)
		q.setStored(c.record != nil)
		if c.life == q.life {
			q.storedStep = max(q.storedStep, c.step)
		}
	} else if !q.listed && q.version != q.saved {
		q.listed, list = true, true
	}
	forget := q.mayForget()
	q.mutex.Unlock()
	if list {
		k.add(q)
	}
	q.answerStored(c.number, err)
	if forget {
		k.all.index.forget(q)
	}
}
