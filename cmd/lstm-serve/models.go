package main

import (
	"context"
	"fmt"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
	"example.com/lstm/cmd/lstm/seattle"
)

// embeddedName is the name of the model that is part of the program.
const embeddedName = "seattle"

// openModels reads all models.
func (s *server) openModels(ctx context.Context) error {
	o := repository.Options{
		Folder:       s.options.models,
		Read:         s.options.modelOptions,
		NewSequences: s.newSequences,
		Logger:       s.log,
	}
	if o.Folder == "" {
		o.Embedded = map[string][]byte{embeddedName: seattle.Model}
	}
	return s.models.Open(ctx, o)
}

func (s *server) newSequences(name string, n *lstm.Network) (*sequences.Sequences, error) {
	o := &s.options
	return sequences.New(n, &sequences.Options{
		Workers:            o.workers,
		BatchSize:          o.batchSize,
		MostWaiting:        o.waiting,
		MostSequences:      o.sequences,
		LiveBytes:          o.sequenceMemory,
		IdleTime:           o.idleTime,
		ExpireTime:         o.expireTime,
		CheckpointInterval: o.checkpointInterval,
		Logger:             s.log.With("model", name),
	})
}

// closeModels stores all sequences, as far as ctx lets it.
func (s *server) closeModels(ctx context.Context) error {
	if err := s.models.Close(ctx); err != nil {
		return fmt.Errorf("not everything was finished and stored within -shutdown-time: %w", err)
	}
	return nil
}
