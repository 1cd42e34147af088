package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
)

// A Journal is a file to which records are appended, and which can be trusted:
// when an Append has returned nil, its records are on the disk.
//
// A record is its length (4 bytes), a checksum of that (4 bytes), a checksum of
// the content (4 bytes), and the content. The length has a checksum of its own: if
// it were wrong, nobody could tell a record that was cut off from the end of the file.
//
// To sync a file takes as long as some hundred writes. So one goroutine owns it,
// takes all records that have come meanwhile, writes them at once and syncs them
// once (group commit): the more callers there are, the cheaper each becomes.
type Journal struct {
	path    string
	size    atomic.Int64
	appends chan *batch
	ended   chan struct{}
}

// A storage is what the journal needs of its file; tests have others, that fail.
type storage interface {
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// A batch is what one caller wants to have written, all of it or nothing.
type batch struct {
	records []byte
	rewrite bool       // instead of all that was there before
	done    chan error // has room for the one answer: the owner never waits for a caller
}

const (
	header        = 12
	largestRecord = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record adds content to b as a record.
func record(b, content []byte) []byte {
	var h [header]byte
	binary.LittleEndian.PutUint32(h[0:], uint32(len(content)))
	binary.LittleEndian.PutUint32(h[4:], crc32.Checksum(h[:4], castagnoli))
	binary.LittleEndian.PutUint32(h[8:], crc32.Checksum(content, castagnoli))
	return append(append(b, h[:]...), content...)
}

// A DamageError is damage in the middle of a journal: something that was synced
// has changed since. Nobody but a person can know what to do then.
type DamageError struct {
	File   string
	Offset int64 // of the record
	What   string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.File, e.Offset, e.What)
}

// OpenJournal reads the journal in the file, which need not exist, and calls
// replay with the content of each record, which may be kept. A last record that was not written to
// its end, in a crash, was never confirmed: it is cut off, and cut says how many
// bytes that was. Any other damage is a *DamageError, and changes nothing.
func OpenJournal(path string, replay func(content []byte) error) (j *Journal, cut int64, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	good, err := readRecords(file, path, replay)
	if err != nil {
		return nil, 0, err
	}
	if cut = info.Size() - good; cut > 0 {
		if err := errors.Join(file.Truncate(good), file.Sync()); err != nil {
			return nil, 0, err
		}
	}
	if err := syncDir(filepath.Dir(path)); err != nil { // or the new file itself could be gone after a power cut
		return nil, 0, err
	}
	return newJournal(path, file, good), cut, nil
}

func newJournal(path string, file storage, size int64) *Journal {
	j := &Journal{path: path, appends: make(chan *batch, 1024), ended: make(chan struct{})}
	j.size.Store(size)
	go j.own(file)
	return j
}

// readRecords returns the offset behind the last whole record.
func readRecords(r io.Reader, name string, replay func([]byte) error) (good int64, err error) {
	in := readAhead(r)
	defer in.close()
	for {
		h, err := in.take(header)
		if err == io.EOF {
			return good, nil // nothing more, or the beginning of a header
		}
		if err != nil {
			return good, err
		}
		length := binary.LittleEndian.Uint32(h[0:])
		switch {
		case [header]byte(h) == [header]byte{}: // a crash of the machine can leave zeros where data should have come
			for zeros := int64(header); ; zeros++ {
				if b, err := in.take(1); err == io.EOF {
					return good, nil
				} else if err != nil {
					return good, err
				} else if b[0] != 0 {
					return good, &DamageError{name, good, fmt.Sprintf("%d zeros, and then something else", zeros)}
				}
			}
		case crc32.Checksum(h[:4], castagnoli) != binary.LittleEndian.Uint32(h[4:]) || length > largestRecord:
			return good, &DamageError{name, good, "no such length of a record"}
		}
		content, err := in.take(int(length))
		if err == io.EOF {
			return good, nil
		} else if err != nil {
			return good, err
		}
		if crc32.Checksum(content, castagnoli) != binary.LittleEndian.Uint32(h[8:]) {
			return good, &DamageError{name, good, "the content is not what was written"}
		}
		if err := replay(content); err != nil {
			return good, &DamageError{name, good, err.Error()}
		}
		good += header + int64(length)
	}
}

// Append has records written behind the others. It returns at once, and takes
// its place in the order; wait returns when they are on the disk, or why not:
// then the journal is as it was before.
func (j *Journal) Append(records []byte) (wait func() error) {
	return j.send(&batch{records: records})
}

// Rewrite has records written in place of all that came before.
func (j *Journal) Rewrite(records []byte) (wait func() error) {
	return j.send(&batch{records: records, rewrite: true})
}

func (j *Journal) send(b *batch) (wait func() error) {
	b.done = make(chan error, 1)
	j.appends <- b
	return func() error { return <-b.done }
}

// Size returns how many bytes the journal has.
func (j *Journal) Size() int64 { return j.size.Load() }

// Close ends the journal when all that was appended is written. Nothing may be
// appended afterwards.
func (j *Journal) Close() {
	close(j.appends)
	<-j.ended
}

// own is the goroutine that has the file to itself.
func (j *Journal) own(file storage) {
	defer close(j.ended)
	defer func() { file.Close() }()
	var broken error // the file can't be trusted any more
	for first := range j.appends {
		group := []*batch{first}
		for more := true; more && len(group) < cap(j.appends); { // whoever came while we synced
			select {
			case b, ok := <-j.appends:
				if more = ok; ok {
					group = append(group, b)
				}
			default:
				more = false
			}
		}
		for len(group) > 0 {
			n := 1
			for !group[0].rewrite && n < len(group) && !group[n].rewrite {
				n++
			}
			err := broken
			if err == nil && group[0].rewrite {
				file, err = j.rewrite(file, group[0].records)
			} else if err == nil {
				err, broken = j.write(file, group[:n])
			}
			for _, b := range group[:n] {
				b.done <- err
			}
			group = group[n:]
		}
	}
}

// write appends a group and syncs it. If there is no room it takes back what it
// has written, and the next one may have better luck. If the system can't say
// whether what it had is on the disk, it is broken: asking again would get a yes.
func (j *Journal) write(file storage, group []*batch) (err, broken error) {
	var all []byte
	for _, b := range group {
		all = append(all, b.records...)
	}
	size := j.size.Load()
	if _, err := file.WriteAt(all, size); err != nil {
		if undo := file.Truncate(size); undo != nil {
			return err, undo
		}
		return err, nil
	}
	if err := file.Sync(); err != nil {
		return err, fmt.Errorf("restart the broker: %w", err)
	}
	j.size.Store(size + int64(len(all)))
	return nil, nil
}

// rewrite makes a new file and puts it in the place of the old one, which is
// whole until that moment. Both are closed then: Windows renames no open files.
func (j *Journal) rewrite(old storage, records []byte) (now storage, err error) {
	temporary := j.path + ".new"
	if err := writeSynced(temporary, records); err != nil {
		os.Remove(temporary)
		return old, err
	}
	old.Close()
	renamed := os.Rename(temporary, j.path)
	file, err := os.OpenFile(j.path, os.O_RDWR, 0o600)
	if err != nil {
		return old, errors.Join(renamed, err) // it is closed, so all that comes is refused
	}
	if renamed == nil {
		j.size.Store(int64(len(records)))
		renamed = syncDir(filepath.Dir(j.path))
	}
	return file, renamed
}

func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// syncDir puts the names in a directory on the disk.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !noDirSync {
		return err
	}
	return nil
}
