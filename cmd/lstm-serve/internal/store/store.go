// Package store keeps records in a file, by model and id. What has been written survives
// a sudden end of the process and of the machine.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// FileName is the name of the file in its folder.
const FileName = "sequences.db"

// Options are how a [Store] works.
type Options struct {
	MostBytes int64 // how large the file may become, 0 for no limit
}

// A Store is an open file. Any number of goroutines may use it.
type Store struct {
	db *bbolt.DB
}

// Open opens the file in the folder, and makes both if they are not there. One process at a
// time can have it open. o may be nil.
func Open(folder string, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	path := filepath.Join(folder, FileName)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      time.Second,
		FreelistType: bbolt.FreelistMapType,
		MaxSize:      int(o.MostBytes),
	})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("store: %s is in use by another process", path)
	case err != nil:
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

// Close waits for what is being written.
func (s *Store) Close() error { return s.db.Close() }

// Model is the part of the records that belong to a model.
func (s *Store) Model(name string) *Model { return &Model{db: s.db, bucket: []byte(name)} }

// A Model has the records of one model.
type Model struct {
	db     *bbolt.DB
	bucket []byte
}

// Get returns the record of that id, nil if there is none.
func (m *Model) Get(id string) (record []byte, err error) {
	err = m.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(m.bucket); b != nil {
			record = append(record, b.Get([]byte(id))...)
		}
		return nil
	})
	return record, wrap(err)
}

// Write puts each record in the place of the one with its id, and deletes it if the record
// is nil: all of them or, with an error, none. When it returns, they survive.
func (m *Model) Write(ids []string, records [][]byte) error {
	return wrap(m.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(m.bucket)
		if err != nil {
			return err
		}
		for i, id := range ids {
			if records[i] == nil {
				err = b.Delete([]byte(id))
			} else {
				err = b.Put([]byte(id), records[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

// Range calls visit with at most so many records, in the order of their ids, of those that
// come after an id. The record must not be kept. last is the last id, empty if there are
// no more.
func (m *Model) Range(after string, most int, visit func(id string, record []byte)) (last string, err error) {
	err = m.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(m.bucket)
		if b == nil {
			return nil
		}
		c := b.Cursor()
		id, record := c.Seek([]byte(after))
		if string(id) == after {
			id, record = c.Next()
		}
		for ; id != nil && most > 0; id, record = c.Next() {
			visit(string(id), record)
			last = string(id)
			most--
		}
		if id == nil {
			last = ""
		}
		return nil
	})
	return last, wrap(err)
}

// wrap leaves out where the file is, which clients, to whom errors come, need not know.
func wrap(err error) error {
	var path *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		return fmt.Errorf("store: %s: %w", path.Op, path.Err)
	}
	return fmt.Errorf("store: %w", err)
}
