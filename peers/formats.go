package main

import (
	"fmt"
	"os"

	"example.com/lstm"
	"example.com/lstm/internal/bench"
)

// formatTolerance is how far answers with int8 weights may be from those with float32
// weights, where a peer has but one scale for x and h.
const formatTolerance = 0.1

// formatGroups are the groups of a run that compares formats: lstm's, and peers with
// int8 weights, once their answers are near lstm's with float32. The largest
// difference of each peer's is kept in worst.
func formatGroups(peers []peer, worst map[peer]float64) ([][]*bench.Candidate, error) {
	var groups [][]*bench.Candidate
	for _, s := range bench.FormatShapes {
		fmt.Fprintf(os.Stderr, "comparing answers at input, hidden %s\n", s)
		ours, err := s.OurFormats()
		if err != nil {
			return nil, err
		}
		layer := s.Model().Layers[0].(*lstm.Weights)
		for _, group := range ours {
			j := job{steps: max(1, group[0].Steps), streams: max(1, group[0].Batch)}
			for _, p := range peers {
				theirs, err := candidate(s, layer, p, j, formatTolerance, worst)
				if err != nil {
					return nil, err
				}
				theirs.Weights = bench.Int8
				group = append(group, theirs)
			}
			groups = append(groups, group)
		}
	}
	return groups, nil
}
