package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"example.com/lstm"
	"example.com/lstm/internal/lstmtest"
)

// Everything that is measured runs, and has a name and figures of its own.
func TestSuite(t *testing.T) {
	lstmtest.UsePath(t, lstm.Path()) // and again afterwards
	shapes := []Shape{{1, 8}, {3, 20}}
	groups, err := Suite(shapes, lstm.Paths())
	require.NoError(t, err)
	require.NoError(t, Measure(t.Context(), groups, time.Millisecond, nil))

	report := NewReport()
	report.Add(groups)
	require.Equal(t, shapes, report.Shapes())
	require.Equal(t, lstm.Paths(), report.Paths())
	names := map[string]bool{}
	for _, f := range report.Figures {
		require.False(t, names[f.Name()], f.Name())
		names[f.Name()] = true
		require.Positive(t, f.Work, f.Name())
		require.Positive(t, f.Min, f.Name())
		require.LessOrEqual(t, f.Min, f.Median, f.Name())
	}
	for _, path := range lstm.Paths() {
		require.True(t, names["Step/input=3/hidden=20/path="+path])
	}
	require.NotEmpty(t, report.Tables())
}

func TestOurs(t *testing.T) {
	s := Shape{3, 20}
	network, err := lstm.New(s.Model())
	require.NoError(t, err)
	kinds := map[Kind]int{}
	for _, c := range s.Ours(network) {
		kinds[c.Kind]++
		require.Equal(t, lstm.Path(), c.Path)
	}
	require.Equal(t, 1, kinds[Step])
	require.Equal(t, 1, kinds[Forward])
	require.Equal(t, len(Batches), kinds[StepBatch])
}

func TestOurSequences(t *testing.T) {
	for hidden, want := range map[int][]string{20: Lengths, mostBesidePeers + 1: nil} {
		s := Shape{1, hidden}
		network, err := lstm.New(s.Model())
		require.NoError(t, err)
		var lengths []string
		for _, c := range s.OurSequences(network) {
			require.Equal(t, ForwardBatch, c.Kind)
			lengths = append(lengths, c.Lengths)
		}
		require.Equal(t, want, lengths)
	}
}

func TestSequenceLengths(t *testing.T) {
	require.Equal(t, []int{100, 100, 100}, SequenceLengths(EqualLengths, 100, 3))
	require.Equal(t, []int{1, 50, 100}, SequenceLengths(EvenLengths, 100, 3))
	require.Equal(t, []int{1, 1, 1, 2}, SequenceLengths(EvenLengths, 2, 4))
	require.Equal(t, []int{1}, SequenceLengths(EvenLengths, 100, 1))
}

// Two runs measure the same network and inputs.
func TestModelsAreTheSame(t *testing.T) {
	s := Shape{5, 7}
	require.Equal(t, s.Model(), s.Model())
	require.Equal(t, s.Inputs(3), s.Inputs(3))
	require.Len(t, s.Inputs(3), 15)
}

func TestMemory(t *testing.T) {
	var r Report
	require.NoError(t, r.AddMemory([]Shape{{1, 8}, {16, 32}}))
	require.Len(t, r.Memory, 2)
	m := r.Memory[1]
	require.Equal(t, 4*32*(16+32)+2*4*32, m.Parameters)
	require.Equal(t, Shape{16, 32}.WeightBytes(), m.Network)
	require.GreaterOrEqual(t, m.Stream, 4*(16+2*32))
	require.GreaterOrEqual(t, m.NewBytes, m.Network)
	require.Positive(t, m.NewAllocs)
}
