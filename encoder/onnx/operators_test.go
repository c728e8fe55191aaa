package bijouonnx

import (
	"fmt"
	"math"
	"testing"

	"github.com/bijou-flow/bijou/internal/testkit"
)

// operatorCase is a model of one operator and what a row becomes.
type operatorCase struct {
	name  string
	graph graphOf
	want  func(row []float64) []float64 // nil: compared with ONNX Runtime alone
}

// each is an operator that maps value by value, on rows (6).
func each(op string, attributes map[string]any, f func(x float64) float64) operatorCase {
	return operatorCase{
		op + fmt.Sprint(attributes), perRow([]nodeOf{one(op, attributes, "y", "x")}, nil, []any{6}, 6),
		func(row []float64) (y []float64) {
			for _, x := range row {
				y = append(y, f(x))
			}
			return y
		},
	}
}

// over is a reduction of rows (2, 3) along the last axis.
func over(op string, attributes map[string]any, weights []weightOf, inputs []string, out []any, f func(v []float64) float64) operatorCase {
	n := one(op, attributes, "y", inputs...)
	return operatorCase{
		op + fmt.Sprint(attributes), perRow([]nodeOf{n}, weights, []any{2, 3}, out...),
		func(row []float64) []float64 { return []float64{f(row[:3]), f(row[3:])} },
	}
}

func sumOf(v []float64) float64 { return v[0] + v[1] + v[2] }

func operatorCases() []operatorCase {
	axes := []weightOf{{name: "axes", shape: []int{1}, ints: []int64{-1}}}
	slope := []weightOf{{name: "slope", shape: []int{1}, floats: []float32{0.3}}}
	all := []operatorCase{
		each("Dropout", nil, func(x float64) float64 { return x }),
		each("Elu", map[string]any{"alpha": 0.7}, func(x float64) float64 {
			if x < 0 {
				return 0.7 * math.Expm1(x)
			}
			return x
		}),
		each("Gelu", nil, func(x float64) float64 { return x * 0.5 * math.Erfc(-x/math.Sqrt2) }),
		each("Gelu", map[string]any{"approximate": "tanh"}, func(x float64) float64 {
			return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
		}),
		each("HardSigmoid", nil, func(x float64) float64 { return min(1, max(0, 0.2*x+0.5)) }),
		each("HardSigmoid", map[string]any{"alpha": 0.4, "beta": 0.3}, func(x float64) float64 { return min(1, max(0, 0.4*x+0.3)) }),
		each("HardSwish", nil, func(x float64) float64 { return x * min(1, max(0, x/6+0.5)) }),
		each("LeakyRelu", map[string]any{"alpha": 0.2}, func(x float64) float64 { return max(x, 0.2*x) }),
		each("Reciprocal", nil, func(x float64) float64 { return 1 / x }),
		each("Sigmoid", nil, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }),
		each("Softplus", nil, func(x float64) float64 { return math.Log1p(math.Exp(x)) }),
		{
			"PRelu", perRow([]nodeOf{one("PRelu", nil, "y", "x", "slope")}, slope, []any{6}, 6),
			each("", nil, func(x float64) float64 { return max(x, 0.3*x) }).want,
		},
		{
			"LpNormalization", perRow([]nodeOf{one("LpNormalization", map[string]any{"p": 2, "axis": -1}, "y", "x")}, nil, []any{6}, 6),
			func(row []float64) (y []float64) {
				norm := 0.0
				for _, x := range row {
					norm = math.Hypot(norm, x)
				}
				for _, x := range row {
					y = append(y, x/norm)
				}
				return y
			},
		},
		over("ReduceSum", map[string]any{"keepdims": 0}, axes, []string{"x", "axes"}, []any{2}, sumOf),
		over("ReduceSum", map[string]any{"keepdims": 1}, axes, []string{"x", "axes"}, []any{2, 1}, sumOf),
		over("ReduceMax", map[string]any{"keepdims": 0}, axes, []string{"x", "axes"}, []any{2}, func(v []float64) float64 { return max(v[0], v[1], v[2]) }),
		over("ReduceMin", map[string]any{"keepdims": 0}, axes, []string{"x", "axes"}, []any{2}, func(v []float64) float64 { return min(v[0], v[1], v[2]) }),
		over("ReduceL2", map[string]any{"keepdims": 0}, axes, []string{"x", "axes"}, []any{2}, func(v []float64) float64 {
			return math.Hypot(math.Hypot(v[0], v[1]), v[2])
		}),
		{
			"GlobalMaxPool", perRow([]nodeOf{one("GlobalMaxPool", nil, "y", "x")}, nil, []any{2, 3, 1}, 2, 1, 1),
			func(row []float64) []float64 {
				return []float64{max(row[0], row[1], row[2]), max(row[3], row[4], row[5])}
			},
		},
		{ // what this package adds, used twice, between what gomlx reads
			"between", perRow([]nodeOf{
				one("Tanh", nil, "t", "x"), one("Sigmoid", nil, "s", "t"), one("Mul", nil, "u", "t", "s"), one("Add", nil, "y", "u", "s"),
			}, nil, []any{6}, 6),
			each("", nil, func(x float64) float64 {
				t := math.Tanh(x)
				s := 1 / (1 + math.Exp(-t))
				return t*s + s
			}).want,
		},
	}
	return append(all, convCases()...)
}

// convCases are convolutions of pictures (4, 5, 6) and of series (4, 9).
func convCases() (all []operatorCase) {
	for i, c := range []struct {
		out, groups, kernel int
		attributes          map[string]any
		bias                bool
	}{
		{3, 1, 3, nil, false},
		{3, 1, 3, map[string]any{"pads": []int{1, 0, 2, 1}, "strides": []int{2, 1}}, true},
		{3, 1, 2, map[string]any{"dilations": []int{2, 3}}, false},
		{4, 4, 3, map[string]any{"pads": []int{1, 1, 1, 1}}, true},
		{6, 2, 3, map[string]any{"pads": []int{1, 1, 1, 1}}, true},
		{2, 1, 3, map[string]any{"auto_pad": "SAME_UPPER", "strides": []int{2, 2}}, false},
		{2, 1, 2, map[string]any{"auto_pad": "SAME_LOWER"}, false},
	} {
		at := map[string]any{"group": c.groups, "kernel_shape": []int{c.kernel, c.kernel}}
		for k, v := range c.attributes {
			at[k] = v
		}
		w := weightOf{name: "w", shape: []int{c.out, 4 / c.groups, c.kernel, c.kernel}}
		for k := range c.out * 4 / c.groups * c.kernel * c.kernel {
			w.floats = append(w.floats, float32(math.Sin(float64(k+i))))
		}
		weights, inputs := []weightOf{w}, []string{"x", "w"}
		b := weightOf{name: "b", shape: []int{c.out}}
		for k := range c.out {
			b.floats = append(b.floats, float32(k)-0.5)
		}
		if c.bias {
			weights, inputs = append(weights, b), append(inputs, "b")
		} else {
			b.floats = make([]float32, c.out)
		}
		all = append(all, operatorCase{
			fmt.Sprint("Conv ", i), perRow([]nodeOf{one("Conv", at, "y", inputs...)}, weights, []any{4, 5, 6}, c.out, "h", "w"),
			func(row []float64) []float64 { return plainConv(row, w, b.floats, at, c.groups) },
		})
	}
	return all
}

// plainConv is the definition of a convolution of a picture (4, 5, 6).
func plainConv(x []float64, w weightOf, bias []float32, at map[string]any, groups int) (y []float64) {
	const height, width = 5, 6
	two := func(name string) []int {
		if v, ok := at[name]; ok {
			return v.([]int)
		}
		return []int{1, 1}
	}
	k, strides, dilations := w.shape[2], two("strides"), two("dilations")
	pads := []int{0, 0, 0, 0}
	if v, ok := at["pads"]; ok {
		pads = v.([]int)
	}
	lengths := [2]int{}
	for i, n := range []int{height, width} {
		span := dilations[i]*(k-1) + 1
		lengths[i] = (n+pads[i]+pads[2+i]-span)/strides[i] + 1
		if auto, ok := at["auto_pad"]; ok {
			lengths[i] = (n + strides[i] - 1) / strides[i]
			sum := max(0, (lengths[i]-1)*strides[i]+span-n)
			if pads[i] = sum / 2; auto == "SAME_LOWER" {
				pads[i] = sum - sum/2
			}
		}
	}
	in, out := w.shape[1], w.shape[0]
	for o := range out {
		for i := range lengths[0] {
			for j := range lengths[1] {
				s := float64(bias[o])
				for c := range in {
					for a := range k {
						for b := range k {
							r, q := i*strides[0]+a*dilations[0]-pads[0], j*strides[1]+b*dilations[1]-pads[1]
							if r >= 0 && r < height && q >= 0 && q < width {
								channel := o/(out/groups)*in + c
								s += x[(channel*height+r)*width+q] * float64(w.floats[((o*in+c)*k+a)*k+b])
							}
						}
					}
				}
				y = append(y, s)
			}
		}
	}
	return y
}

func TestOperators(t *testing.T) {
	for _, c := range operatorCases() {
		t.Run(c.name, func(t *testing.T) {
			e, err := OpenEncoder[float64](file(t, "op.onnx", c.graph.bytes()), Options{Batch: 4})
			if err != nil {
				t.Fatal(err)
			}
			x := testkit.Gauss[float64](5, e.Dim(), 1)
			z := testkit.Must(e.Encode(x))
			for i := range x.Len() {
				want := c.want(x.Row(i))
				if len(want) != e.Embedding() {
					t.Fatalf("%d values, want %d", e.Embedding(), len(want))
				}
				for j, w := range want {
					testkit.Near(t, fmt.Sprintf("row %d, value %d", i, j), z.Row(i)[j], w, 2e-6*(1+math.Abs(w)))
				}
			}
		})
	}
}

// Every operator of the table has a case.
func TestOperatorsHaveCases(t *testing.T) {
	tested := map[string]bool{}
	for _, c := range operatorCases() {
		for _, n := range c.graph.nodes {
			tested[n.op] = true
		}
	}
	for op := range operators {
		if !tested[op] {
			t.Errorf("%s is tested nowhere", op)
		}
	}
}
