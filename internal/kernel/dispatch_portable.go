// Where there is no assembly, the portable code is the only path.

package kernel

var available = []pathID{portable}

const path = portable
