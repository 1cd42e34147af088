package main

import (
	"bufio"
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

// A Journal is a file of records. When the function that Append returned has returned
// nil, the record is on disk. After a write or sync that failed it accepts no record
// until Rewrite has replaced the file, because what a failed sync has left on the
// disk is unknown.
//
// A record is the length of its content (4 bytes), a checksum of the length and the
// content (4 bytes), and the content. After each sync the journal writes a mark,
// which is a record, too: everything before it is on disk. A record without a later
// mark may never have been confirmed.
//
// A sync takes as long as hundreds of writes. So the records that arrive during
// one sync share the next one (group commit).
type Journal struct {
	files  files
	batch  Batch[[]byte, error]
	turn   chan struct{} // has an element while commit or Rewrite uses the file
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

// checksum returns the checksum of a record with that length, as bytes, and content.
func checksum(length, content []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, content)
}

func record(b, content []byte) []byte {
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(content)))
	b = append(b, length...)
	b = binary.LittleEndian.AppendUint32(b, checksum(length, content))
	return append(b, content...)
}

// errDamaged is for a record that is not as it was written.
var errDamaged = errors.New("a record is incomplete, or has the wrong checksum")

// nextRecord reads the content of a record into buffer; left is the length of the
// rest of the file.
func nextRecord(in *bufio.Reader, left int64, buffer []byte) (content []byte, err error) {
	if left < header {
		return nil, errDamaged
	}
	var head [header]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(head[:]))
	if length > left-header {
		return nil, errDamaged
	}
	content = slices.Grow(buffer[:0], int(length))[:length]
	if _, err := io.ReadFull(in, content); err != nil {
		return nil, err
	}
	if checksum(head[:4], content) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, errDamaged
	}
	return content, nil
}

// readRecords calls replay with the content of each record. It returns the offset
// after the last one that is whole.
func readRecords(file io.ReaderAt, size int64, replay func(content []byte) error) (good int64, err error) {
	in := bufio.NewReaderSize(io.NewSectionReader(file, 0, size), 64<<10)
	var content []byte
	for good < size {
		content, err = nextRecord(in, size-good, content)
		if err == errDamaged {
			rest, failed := io.ReadAll(io.NewSectionReader(file, good, size-good))
			if failed == nil && !bytes.Contains(rest, mark) {
				return good, nil // what follows was never confirmed
			}
		}
		if err == nil && !bytes.Equal(content, marked) {
			err = replay(content)
		}
		if err != nil {
			return good, fmt.Errorf("damaged at byte %d: %w", good, err)
		}
		good += header + int64(len(content))
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
	size, err := file.Seek(0, io.SeekEnd)
	var good int64
	if err == nil {
		good, err = readRecords(file, size, replay)
	}
	if cut = int(size - good); err == nil && cut > 0 {
		err = file.Truncate(good)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path)) // or the name of a new file could be gone after a power loss
	}
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	os.Remove(path + ".new") // of a Rewrite that was cut off
	return newJournal(osFiles(path), file, good), cut, nil
}

func newJournal(files files, file storage, size int64) *Journal {
	j := &Journal{files: files, file: file, turn: make(chan struct{}, 1)}
	j.size.Store(size)
	j.batch.limit, j.batch.run = 1024, j.commit
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

// commit writes the records of a batch. All have the same result.
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
