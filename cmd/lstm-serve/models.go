package main

import (
	"context"
	"fmt"

	"example.com/lstm"
	"example.com/lstm/cmd/lstm-serve/internal/repository"
	"example.com/lstm/cmd/lstm-serve/internal/sequences"
	"example.com/lstm/cmd/lstm-serve/internal/store"
	"example.com/lstm/cmd/lstm/seattle"
)

// embeddedName is the name of the model that is part of the program.
const embeddedName = "seattle"

// openModels opens the store and reads all models.
func (s *server) openModels(ctx context.Context) (err error) {
	if s.options.store != "" {
		if s.store, err = store.Open(s.options.store, &store.Options{MostBytes: s.options.storeSize}); err != nil {
			return err
		}
	}
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
	options := sequences.Options{
		Workers:            o.workers,
		BatchSize:          o.batchSize,
		MostWaiting:        o.waiting,
		MostSequences:      o.sequences,
		LiveBytes:          o.sequenceMemory,
		IdleTime:           o.idleTime,
		ExpireTime:         o.expireTime,
		CheckpointInterval: o.checkpointInterval,
		Logger:             s.log.With("model", name),
	}
	if s.store != nil {
		options.Store = s.store.Model(name)
	}
	return sequences.New(n, &options)
}

// closeModels stores all sequences, as far as ctx lets it.
func (s *server) closeModels(ctx context.Context) error {
	if err := s.models.Close(ctx); err != nil {
		// Something may still be written to the store, which the end of the process does
		// not harm.
		return fmt.Errorf("not everything was finished and stored: %w", err)
	}
	if s.store != nil {
		return s.store.Close()
	}
	return nil
}
