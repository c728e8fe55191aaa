// Circles among the nodes of a file.

package bijouonnx

// A graph of a file, its nodes and their attributes. The reader keeps their types to
// itself; these are the methods that are needed of them.
type (
	graphProto[N any] interface{ GetNode() []N }
	nodeProto[A any]  interface {
		GetInput() []string
		GetOutput() []string
		GetAttribute() []A
	}
	attributeProto[G any] interface {
		GetG() G
		GetGraphs() []G
	}
)

// computation is a node by the names of its tensors. What the graphs within a node
// read, such as the branches of an If, is read by the node, too.
type computation struct{ reads, gives []string }

// computations are those of a graph and of the graphs within its nodes.
func computations[G graphProto[N], N nodeProto[A], A attributeProto[G]](g G) (all []computation) {
	for _, n := range g.GetNode() {
		c := computation{append([]string(nil), n.GetInput()...), n.GetOutput()}
		for _, a := range n.GetAttribute() {
			for _, body := range append(a.GetGraphs(), a.GetG()) {
				within := computations[G, N, A](body)
				for _, w := range within {
					c.reads = append(c.reads, w.reads...)
				}
				all = append(all, within...)
			}
		}
		all = append(all, c)
	}
	return all
}

// circular is a tensor that waits for itself, or for one that does, and "" where there is none. The
// reader would follow it until the stack is full, which nothing recovers from.
func circular(all []computation) string {
	maker := map[string]int{}
	for i, c := range all {
		for _, name := range c.gives {
			if name != "" {
				maker[name] = i
			}
		}
	}
	waits := make([]int, len(all)) // for so many computations
	readers := make([][]int, len(all))
	for i, c := range all {
		for _, name := range c.reads {
			if m, made := maker[name]; made {
				waits[i]++
				readers[m] = append(readers[m], i)
			}
		}
	}
	var ready []int
	for i, n := range waits {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		last := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		for _, i := range readers[last] {
			if waits[i]--; waits[i] == 0 {
				ready = append(ready, i)
			}
		}
	}
	for i, n := range waits {
		if n > 0 {
			for _, name := range append(all[i].gives, all[i].reads...) {
				if name != "" {
					return name
				}
			}
		}
	}
	return ""
}
