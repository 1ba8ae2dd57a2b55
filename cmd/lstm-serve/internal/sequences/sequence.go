package sequences

import (
	"slices"
	"sync"
	"time"
	"unsafe"

	"google.golang.org/grpc/codes"

	"example.com/lstm/batch"
	"example.com/lstm/cmd/lstm-serve/internal/inferr"
)

// A sequence is a stream of data.
type sequence struct {
	id    string
	all   *Sequences
	shard *shard

	// Guarded by the mutex of the shard.
	before, after *sequence     // in the order of the last use
	touched       time.Duration // the last use

	// Guarded by the mutex, which is held for moments only.
	mutex   sync.Mutex
	busy    bool // it is somebody's turn
	waiting requests
	holders []*holder // they wait for a turn, too, and go first

	// Changed with the mutex held by whoever has the turn, who so may read it without.
	phase      phase
	moved      bool   // it goes on elsewhere
	step       uint64 // number of the last step
	last       answer
	life       uint64        // counts how often it has begun
	version    uint64        // counts changes
	counted    bool          // among those of which there may be so many
	loading    bool          // what it is, the store knows
	unloadable *inferr.Error // why it is absent although it is in the store

	// What is stored. Guarded by the mutex.
	saved      uint64 // version that is stored
	storedStep uint64
	inStore    bool     // there is a record of it
	captured   int      // times that have not been written
	captures   uint64   // that there have been
	listed     bool     // in the list of the keeper
	wanted     bool     // the keeper is among the holders
	unanswered requests // that have ended, and wait until that is stored
	answering  bool     // somebody answers those

	stream *batch.Stream // of whoever has the turn, nil unless live
	bytes  int64         // of memory that have been counted,
	isLive bool          // and whether it has been counted as live
}

// sequenceBytes is about how much memory a sequence occupies beside its state and its
// last answer: this struct, its id, its places in the index, and its stream.
const sequenceBytes = int64(unsafe.Sizeof(sequence{})) + 384

// A phase is what has become of a sequence.
type phase uint8

const (
	absent phase = iota // it does not exist
	live
	ended // and its last answer is kept
)

// take answers requests whose turn it is, from r on, until one has to wait for its
// steps or there are no more. The caller has the turn, and has it no longer.
func (q *sequence) take(r *request) {
	for ; r != nil; r = q.endTurn() {
		a, steps, err := q.judge(r)
		switch {
		case steps && r.start && q.mustClear():
			go q.startOver(r)
			return
		case steps:
			q.begin(r)
			return
		case q.answerOrWait(r, a, err):
			return
		}
	}
}

// endTurn ends a turn, and begins the next: of the request that is returned, or of
// somebody else. It returns nil if there is no request whose turn it is.
func (q *sequence) endTurn() *request {
	q.mutex.Lock()
	if len(q.holders) > 0 {
		h := q.holders[0]
		q.holders = slices.Delete(q.holders, 0, 1)
		q.mutex.Unlock()
		h.granted()
		return nil
	}
	r := q.waiting.pop()
	q.busy = r != nil
	forget := q.mayForget()
	q.mutex.Unlock()
	if forget {
		q.all.index.forget(q)
	}
	return r
}

// begin takes the steps of r, which has the turn.
func (q *sequence) begin(r *request) {
	r.sequence, r.base = q, q.step
	if r.start {
		r.base = 0
		q.all.counts.started.Add(1)
		q.setStream(q.all.batcher.NewStream())
	}
	r.stream = q.stream
	r.y = make([]float32, r.steps*q.all.Network().OutputSize())
	r.run()
}

// finish ends r, and with it its turn. err is not nil if not all of its steps have been
// taken.
func (q *sequence) finish(r *request, err error) {
	a := Answer{Y: r.y, Step: r.base + uint64(r.taken)}
	var failed *inferr.Error
	q.mutex.Lock()
	q.phase, q.moved, q.step, q.unloadable = live, false, a.Step, nil
	if r.start {
		q.life++
		q.storedStep = 0
	}
	a.StoredStep = q.storedStep
	switch {
	case err != nil: // not while the batcher is open and its queue has no end
		q.last = answer{}
		failed = inferr.Errorf(codes.Internal, "step %d could not be taken: %v", a.Step+1, err).At(a.Step)
	default:
		q.last = answer{first: r.base + 1, steps: r.steps, hash: r.hash, y: r.y, counted: r.step != 0}
	}
	if r.end && err == nil {
		q.end(r)
	}
	list := q.changed()
	q.mutex.Unlock()
	if list {
		q.all.keeper.add(q)
	}
	q.account()
	if !q.answerOrWait(r, a, failed) {
		q.take(q.endTurn())
	}
}

// end makes the sequence one that has ended. The mutex is held.
func (q *sequence) end(r *request) {
	q.all.counts.ended.Add(1)
	q.setStream(nil)
	q.phase = ended
	if r.step == 0 {
		q.vanish()
		return
	}
	q.all.ended.push(end{q, q.life})
}

// vanish makes the sequence one that does not exist. The mutex is held, and the caller
// has the turn.
func (q *sequence) vanish() {
	q.phase, q.moved, q.step, q.last = absent, false, 0, answer{}
	q.setStream(nil)
	q.life++
	q.storedStep, q.unloadable = 0, nil
	if q.counted {
		q.counted = false
		q.all.counts.sequences.Add(-1)
	}
}

// setStream replaces the stream. The caller has the turn.
func (q *sequence) setStream(stream *batch.Stream) {
	if q.stream != nil {
		q.stream.Close()
	}
	q.stream = stream
}

// idleFor is how long the last use is ago.
func (q *sequence) idleFor() time.Duration {
	q.shard.mutex.Lock()
	defer q.shard.mutex.Unlock()
	return q.all.now() - q.touched
}

// account tells what memory the sequence occupies now. The caller has the turn.
func (q *sequence) account() {
	var bytes, lives int64
	if q.phase != absent {
		bytes = sequenceBytes + int64(4*cap(q.last.y))
	}
	if q.stream != nil {
		bytes += q.all.stateBytes - sequenceBytes
		lives = 1
	}
	if bytes == q.bytes && q.isLive == (lives == 1) {
		return
	}
	c := &q.all.counts
	c.bytes.Add(bytes - q.bytes)
	if wasLive := q.isLive; wasLive != (lives == 1) {
		q.isLive = lives == 1
		c.live.Add(2*lives - 1)
	}
	q.bytes = bytes
}
