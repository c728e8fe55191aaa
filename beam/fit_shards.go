// The rows of shards, kept from one round to the next.

package bijoubeam

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/bijou-flow/bijou/table"
)

// shardMemory bounds the bytes of rows that a process keeps. Shards that come later are read in
// every round.
const shardMemory = 1 << 30

// shardRows are rows of a shard to train on, one behind the other.
type shardRows struct {
	values []float32
	n      int

	mu    sync.Mutex
	seed  uint64
	epoch int
	order []int // of the rows in the epoch
}

// inEpoch is the order of rows in an epoch of a shard, which nobody writes to.
func (s *shardRows) inEpoch(seed uint64, shard, epoch int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.order == nil || s.seed != seed || s.epoch != epoch {
		s.order = rand.New(rand.NewPCG(seed^0x66697473, uint64(shard)<<40^uint64(epoch))).Perm(s.n)
		s.seed, s.epoch = seed, epoch
	}
	return s.order
}

// shardKey is all that the rows of a shard depend on.
type shardKey struct {
	fit, file, table string
	shard            int
	size             int64
	modified         time.Time
}

// keptShards are those of the last fit that this process works on.
var keptShards struct {
	sync.Mutex
	fit   string
	bytes int
	rows  map[shardKey]*shardRows
}

// rowsOf reads the rows of a shard, unless they are kept from a round before and the file is as
// it was.
func (l *localFn) rowsOf(ctx context.Context, f *trained, shard numbered) (*shardRows, error) {
	key, known := l.key(ctx, shard)
	if known {
		keptShards.Lock()
		rows := keptShards.rows[key]
		keptShards.Unlock()
		if rows != nil {
			return rows, nil
		}
	}
	rows, draw := &shardRows{}, drawing{l.Seed, shard.Part}
	_, err := f.eachCodes(ctx, shard.File, l.Table, func(row int, codes []float64) {
		if draw.of(row) < l.HeldOut {
			return
		}
		for _, v := range codes {
			rows.values = append(rows.values, float32(v))
		}
	})
	if rows.n = len(rows.values) / f.dim(); err == nil && rows.n == 0 {
		err = fmt.Errorf("bijoubeam: %s has no rows to train on: %w", shard.File, table.ErrInput)
	}
	if err == nil && known {
		keepShard(key, rows)
	}
	return rows, err
}

// key is that of a shard; where the file system does not say when it was written, there is none.
func (l *localFn) key(ctx context.Context, shard numbered) (k shardKey, known bool) {
	fs, err := filesystem.New(ctx, shard.File)
	if err != nil {
		return k, false
	}
	defer fs.Close()
	dated, ok := fs.(filesystem.LastModifiedGetter)
	if !ok || l.Fit == "" {
		return k, false
	}
	k = shardKey{fit: l.Fit, file: shard.File, table: fmt.Sprintf("%+v", l.Table), shard: shard.Part}
	if k.size, err = fs.Size(ctx, shard.File); err != nil {
		return k, false
	}
	k.modified, err = dated.LastModified(ctx, shard.File)
	return k, err == nil
}

// keepShard keeps rows while there is room, and forgets those of other fits.
func keepShard(key shardKey, rows *shardRows) {
	keptShards.Lock()
	defer keptShards.Unlock()
	k := &keptShards
	if k.fit != key.fit {
		k.fit, k.bytes, k.rows = key.fit, 0, map[shardKey]*shardRows{}
	}
	const perRow = 8 // of the order
	if size := 4*len(rows.values) + perRow*rows.n; k.rows[key] == nil && k.bytes+size <= shardMemory {
		k.bytes += size
		k.rows[key] = rows
	}
}
