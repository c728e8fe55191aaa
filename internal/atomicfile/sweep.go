// What killed writers leave behind: the names of temporary files, and how one
// that is still being written is told from one that is not.

package atomicfile

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A writer keeps its temporary file locked until the file has its last name.
// The system takes the lock back from a process that dies, so that a free lock
// proves that nobody writes any more; process numbers prove nothing, since two
// containers on one volume have the same. A lock is sure to be seen by the
// system that gave it alone: a volume may be mounted by two machines that do not
// show each other theirs. So the name carries which system it was, and a
// temporary file of another one, or of a system without locks, is left alone until
// nothing was written to it for a time that no pause between two writes takes.
const forgotten = 24 * time.Hour

// tempName carries the target's name and the writer's system.
func tempName(base string, system, random uint64) string {
	return fmt.Sprintf(".%s.%016x-%016x%s", truncateBase(base), system, random, tempSuffix)
}

const tempSuffix = ".tmp"

// truncateBase leaves room for the rest of a temporary file's name below the usual
// limit of 255.
func truncateBase(base string) string {
	const longest = 180
	if len(base) > longest {
		base = base[:longest]
	}
	return base
}

// parseTemp takes a name apart that tempName may have made.
func parseTemp(name string) (target string, system uint64, ok bool) {
	name, ok = strings.CutSuffix(name, tempSuffix)
	at := strings.LastIndexByte(name, '.')
	if !ok || at < 1 || name[0] != '.' || len(name)-at != 34 || name[at+17] != '-' {
		return "", 0, false
	}
	system, err := strconv.ParseUint(name[at+1:at+17], 16, 64)
	_, noRandom := strconv.ParseUint(name[at+18:], 16, 64)
	return name[1:at], system, err == nil && noRandom == nil
}

// thisSystem is a number for the running system: of its start, where it has a
// name, or else of its host. 0 stands for one that is not known.
var thisSystem = sync.OnceValue(func() uint64 {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id") // Linux; containers have their host's
	if err != nil {
		host, err := os.Hostname()
		if err != nil {
			return 0
		}
		id = []byte(host)
	}
	h := fnv.New64a()
	h.Write(id)
	return h.Sum64()
})

// Sweep removes the temporary files that processes left in dir when they died
// while they wrote a target that of says yes to. Write does it for its own
// target; a series of files needs it for the names that are not written again.
func Sweep(dir string, of func(target string) bool) { sweep(System{}, dir, of) }

// sweep is Sweep on a given file system. What cannot be listed or removed
// stays: it is in nobody's way.
func sweep(sys FS, dir string, of func(target string) bool) {
	names, _ := sys.Names(dir)
	for _, n := range names {
		target, system, ok := parseTemp(n)
		if !ok || !of(target) {
			continue
		}
		sys.RemoveAbandoned(filepath.Join(dir, n), system != 0 && system == thisSystem())
	}
}

// RemoveAbandoned deletes a file that nobody has locked, if its lock would be
// seen here or if it was not written to for a day. It holds the lock meanwhile,
// so that a writer whose file is younger than the look at it finds that out. What
// is no regular file was not made here.
func (System) RemoveAbandoned(name string, here bool) {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	lock, known, err := tryLock(name)
	if err != nil {
		return
	}
	if known && here || time.Since(info.ModTime()) > forgotten {
		os.Remove(name)
	}
	if lock != nil {
		lock.Close()
	}
}
