package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
)

// A Journal is a file of records. Append returns a function; when that has returned
// nil, the record is on disk. After a write or sync that failed, the journal accepts no
// record until Rewrite has replaced the file, because what a failed sync has left on
// the disk is unknown.
//
// A record is the length of its content, a checksum of the length and the content, and
// the content. After each sync the journal writes a mark, which is a record, too:
// everything before it is on disk. A record without a later mark may never have been
// confirmed.
//
// A sync takes as long as hundreds of writes. So the records that arrive during
// one sync share the next one (group commit).
type Journal struct {
	files  files // creates and renames the new file of Rewrite, see compact.go
	batch  *Batch[[]byte, error]
	turn   chan struct{} // a lock on file: send to lock, receive to unlock (a blocked Lock would stop fake time)
	file   storage
	size   atomic.Int64 // of the file
	failed atomic.Bool  // until a Rewrite
}

// A storage is what a journal needs of its file. Tests have others, which fail.
type storage interface {
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

const header = 8

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	marked     = bytes.Repeat([]byte{0xff}, 8) // no job has these bytes: text is UTF-8, and numbers are not negative
	mark       = record(nil, marked)
	errFailed  = errors.New("the journal has failed, and is not yet rewritten")
)

func checksum(length, content []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, content)
}

func record(b, content []byte) []byte {
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(content)))
	b = append(b, length...)
	b = binary.LittleEndian.AppendUint32(b, checksum(length, content))
	return append(b, content...)
}

// nextRecord returns the content of the record at the beginning of data, and the size
// of the record: 0 if it is incomplete, or its checksum is wrong.
func nextRecord(data []byte) (content []byte, size int) {
	if len(data) < header {
		return nil, 0
	}
	length, rest := data[:4], data[header:]
	n := uint64(binary.LittleEndian.Uint32(length))
	if n > uint64(len(rest)) || checksum(length, rest[:n]) != binary.LittleEndian.Uint32(data[4:]) {
		return nil, 0
	}
	return rest[:n], header + int(n)
}

// readRecords calls replay with the content of each record. It returns the offset
// after the last one that is whole.
func readRecords(data []byte, replay func(content []byte) error) (good int, err error) {
	for good < len(data) {
		content, size := nextRecord(data[good:])
		switch {
		case size == 0 && !bytes.Contains(data[good:], mark):
			return good, nil // what follows was never confirmed
		case size == 0:
			err = errors.New("a record is incomplete, or has the wrong checksum")
		case !bytes.Equal(content, marked):
			err = replay(content)
		}
		if err != nil {
			return good, fmt.Errorf("damaged at byte %d: %w", good, err)
		}
		good += size
	}
	return good, nil
}

// OpenJournal reads the journal in the file at path, which it creates if there is
// none, and calls replay with the content of each record; replay must not keep
// it. Records at the end that are not whole and have no later mark are cut off:
// cut is their size. Any other damage is an error with its offset, and the file is
// not changed: an operator must decide what to do.
func OpenJournal(path string, replay func(content []byte) error) (j *Journal, cut int, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	data, err := os.ReadFile(path)
	var good int
	if err == nil {
		good, err = readRecords(data, replay)
	}
	if cut = len(data) - good; err == nil && cut > 0 {
		err = file.Truncate(int64(good))
	}
	if err == nil {
		err = syncDir(filepath.Dir(path)) // or the name of a new file could be gone after a power loss
	}
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	os.Remove(path + ".new") // of a Rewrite that was cut off
	return newJournal(osFiles(path), file, int64(good)), cut, nil
}

func newJournal(files files, file storage, size int64) *Journal {
	j := &Journal{files: files, file: file, turn: make(chan struct{}, 1)}
	j.size.Store(size)
	j.batch = newBatch(1024, j.commit)
	return j
}

// Append appends a record. It returns immediately; the order in the file is that of
// the calls. wait returns nil when this record, and all before it, are on disk.
func (j *Journal) Append(content []byte) (wait func() error) {
	done := j.batch.Add(record(nil, content))
	return func() error {
		result, err := done(context.Background())
		return cmp.Or(err, result)
	}
}

func (j *Journal) commit(records [][]byte) []error {
	j.turn <- struct{}{}
	defer func() { <-j.turn }()
	return slices.Repeat([]error{j.write(bytes.Join(records, nil))}, len(records))
}

// write writes records at the end of the file and syncs it. If that fails it tries
// to leave the file as it was.
func (j *Journal) write(records []byte) error {
	if j.failed.Load() {
		return errFailed
	}
	size := j.size.Load()
	_, err := j.file.WriteAt(records, size)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.file.Truncate(size)
		j.failed.Store(true)
		return err
	}
	size += int64(len(records))
	if _, err := j.file.WriteAt(mark, size); err == nil { // without a sync: it is not needed after a crash, only after damage
		size += int64(len(mark))
	}
	j.size.Store(size)
	return nil
}

// Close closes the file; a later Append fails.
func (j *Journal) Close() {
	j.turn <- struct{}{}
	defer func() { <-j.turn }()
	j.file.Close()
}
