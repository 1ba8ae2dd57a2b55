package main

import (
	"fmt"
	"os"

	"example.com/lstm/internal/bench"
)

// variantGroups are the groups of a run that measures variants: lstm's, and those
// that peers have too, once their answers are the same. The largest difference of
// each peer's is kept in worst.
func variantGroups(peers []peer, worst map[peer]float64) ([][]*bench.Candidate, error) {
	var groups [][]*bench.Candidate
	for _, s := range bench.VariantShapes {
		fmt.Fprintf(os.Stderr, "comparing answers of variants at input, hidden %s\n", s)
		ours, err := s.OurVariants()
		if err != nil {
			return nil, err
		}
		for _, group := range ours {
			for _, c := range group {
				for _, p := range peers {
					theirs, err := variantCandidate(s, p.(variantPeer), c.Figure, worst)
					if err != nil {
						return nil, fmt.Errorf("%s, %s: %w", p.name(), c.Name(), err)
					}
					if theirs != nil {
						group = append(group, theirs)
					}
				}
			}
			groups = append(groups, group)
		}
	}
	return groups, nil
}

// variantCandidate is a peer beside one of lstm's figures, or nil if it has no such
// layer.
func variantCandidate(s bench.Shape, p variantPeer, ours bench.Figure, worst map[peer]float64) (*bench.Candidate, error) {
	layer := s.Layer(ours.Variant)
	if !p.has(layer) {
		return nil, nil
	}
	j := job{steps: max(1, ours.Steps), streams: 1}
	x := s.Inputs(j.rows())
	theirs, err := p.openVariant(layer, j, x)
	if err != nil {
		return nil, err
	}
	reference, err := newVariantReference(layer, j, x)
	if err != nil {
		return nil, err
	}
	difference, err := compare(reference, theirs, tolerance)
	if err != nil {
		return nil, err
	}
	worst[p] = max(worst[p], difference)
	figure := s.OfVariant(ours.Variant, j.steps)
	figure.Peer = p.name()
	return &bench.Candidate{Figure: figure, Run: repeat(theirs)}, nil
}

// variantPeers are those that have variants.
func variantPeers(peers []peer) (list []peer) {
	for _, p := range peers {
		if _, ok := p.(variantPeer); ok {
			list = append(list, p)
		}
	}
	return list
}
