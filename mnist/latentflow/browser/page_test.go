package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// centre of an element in the window, after it was scrolled into sight.
func (b *tab) centre(id string) (x, y, w, h float64) {
	b.Helper()
	v := value[[]float64](b, fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2, r.width, r.height]; })()`, id))
	return v[0], v[1], v[2], v[3]
}

// stroke draws with the mouse through points of an element, each from -1/2 to 1/2.
func (b *tab) stroke(id string, points ...[2]float64) {
	b.Helper()
	cx, cy, w, h := b.centre(id)
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		for i, p := range points {
			kind := input.MouseMoved
			if i == 0 {
				kind = input.MousePressed
			}
			if err := input.DispatchMouseEvent(kind, cx+p[0]*w, cy+p[1]*h).WithButton(input.Left).WithButtons(1).WithClickCount(1).Do(ctx); err != nil {
				return err
			}
		}
		last := points[len(points)-1]
		return input.DispatchMouseEvent(input.MouseReleased, cx+last[0]*w, cy+last[1]*h).WithButton(input.Left).WithClickCount(1).Do(ctx)
	}))
}

func (b *tab) text(id string) string {
	return value[string](b, fmt.Sprintf("document.getElementById(%q).textContent", id))
}

// An action on an element that is not in the page would be an error of chromedp
// after a minute.
func (b *tab) click(id string) { b.Helper(); b.do(chromedp.Click("#"+id, chromedp.ByQuery)) }

// focus puts the focus on an element as the Tab key does.
func (b *tab) focus(id string) {
	b.Helper()
	b.do(chromedp.Evaluate(fmt.Sprintf("document.getElementById(%q).focus({focusVisible: true})", id), nil))
}

func (b *tab) keys(text string) { b.Helper(); b.do(chromedp.KeyEvent(text)) }

func TestMove(t *testing.T) {
	b := open(t, desktop)
	axis := value[string](b, `document.getElementById("axis-1").value`)
	b.changes("digit", func() { // with the mouse on the slider
		b.stroke("latent-1", [2]float64{0, 0}, [2]float64{0.3, 0}, [2]float64{0.45, 0})
	})
	if v := value[float64](b, `document.getElementById("latent-1").valueAsNumber`); v < 2 {
		t.Errorf("the slider is at %v", v)
	}
	b.wait(fmt.Sprintf(`[...document.querySelectorAll("#embedding input")].some(e => e.id !== "" && e.value !== %q) && document.getElementById("axis-1").value !== %q`, "", axis))
	latent := value[string](b, `document.getElementById("latent-2").value`)
	b.changes("digit", func() { b.stroke("axis-1", [2]float64{0, 0}, [2]float64{-0.4, 0}) })
	b.wait(fmt.Sprintf(`document.getElementById("latent-2").value !== %q`, latent))
	for _, id := range []string{"another", "centre"} {
		b.changes("digit", func() { b.click(id) })
	}
	if seed := value[string](b, `document.getElementById("seed").value`); seed != "2" {
		t.Errorf("seed %s after another draw, want 2", seed)
	}
	b.changes("digit", func() { b.do(chromedp.Click(`#digits label:nth-of-type(4)`, chromedp.ByQuery)) })
	if command := b.text("command"); !strings.Contains(command, "-digit 3 -seed 2 -temperature 0.8") {
		t.Errorf("the command is %q", command)
	}
	b.wait(`document.getElementById("move-status").textContent.startsWith("Reads as ")`)
}

// From a move to the picture, here on a machine that others use too.
func TestMoveIsQuick(t *testing.T) {
	b := open(t, desktop)
	took := value[[]float64](b, `(async () => {
		const slider = document.getElementById("latent-3"), canvas = document.getElementById("digit"), took = [];
		for (let i = 0; i < 20; i++) {
			const before = canvas.toDataURL(), start = performance.now();
			slider.value = i % 2 ? -1.5 - i / 20 : 1.5 + i / 20;
			slider.dispatchEvent(new Event("input", {bubbles: true}));
			while (canvas.toDataURL() === before && performance.now() - start < 2000) await new Promise(r => setTimeout(r, 1));
			took.push(performance.now() - start);
		}
		return took.sort((a, b) => a - b);
	})()`)
	t.Logf("from a move to its picture: median %.1f ms, slowest %.1f ms of %d", took[len(took)/2], took[len(took)-1], len(took))
	if took[0] > 50 { // the others wait for who else computes here
		t.Errorf("the quickest took %.1f ms, want at most 50", took[0])
	}
}

// Of a burst of moves, the page asks for some, one after the other, and ends with
// the newest.
func TestNewestIsShown(t *testing.T) {
	b := open(t, desktop)
	before := b.asked()
	b.do(chromedp.Evaluate(`(() => {
		const slider = document.getElementById("latent-5");
		for (let i = 0; i < 200; i++) {
			slider.value = -3 + i * 0.03;
			slider.dispatchEvent(new Event("input", {bubbles: true}));
		}
	})()`, nil))
	b.wait(`document.querySelector("#latent-5 ~ .value").textContent === "2.95"`) // of steps of 0.05
	if n := b.asked() - before; n < 2 || n > 20 {
		t.Errorf("%d requests for 200 moves at once", n)
	}
}

func TestDraw(t *testing.T) {
	b := open(t, desktop)
	b.stroke("paper", [2]float64{0, -0.35}, [2]float64{0.01, -0.1}, [2]float64{0, 0.1}, [2]float64{0.01, 0.35})
	// Part of the stroke may be read before, as another digit.
	b.wait(`document.getElementById("ink-class").textContent.startsWith("1,")`)
	b.wait(`document.querySelectorAll("#bars .best").length === 1 && !document.getElementById("take").disabled`)
	var sum float64
	for _, p := range value[[]string](b, `[...document.querySelectorAll("#bars .bar")].map(e => e.style.getPropertyValue("--p"))`) {
		var v float64
		fmt.Sscan(p, &v)
		sum += v
	}
	if sum < 0.999 || sum > 1.001 {
		t.Errorf("the bars sum to %v", sum)
	}
	if p := b.text("ink-p"); p == "–" {
		t.Error("no p-value")
	}
	for _, id := range []string{"seen", "back"} {
		if !value[bool](b, fmt.Sprintf(`document.getElementById(%q).getContext("2d").getImageData(0, 0, 28, 28).data.some(v => v > 100)`, id)) {
			t.Errorf("nothing in %s", id)
		}
	}
	b.changes("digit", func() { b.click("take") })
	b.changes("seen", func() { b.click("test") })
	b.wait(`document.getElementById("ink-status").textContent.startsWith("A test digit, labelled ")`)
	b.stroke("paper", [2]float64{-0.2, 0})
	b.click("clear")
	b.wait(`document.getElementById("ink-status").textContent === "The pad is empty."`)
}

func TestWalk(t *testing.T) {
	b := open(t, desktop)
	b.changes("step", func() { b.stroke("along", [2]float64{-0.4, 0}, [2]float64{0.1, 0}) })
	b.changes("step", func() { b.click("play") })
	b.wait(`document.getElementById("along").value === "32"`)
	b.click("play")
	b.changes("strip", func() { b.click("to-another") })
	b.changes("strip", func() {
		b.do(chromedp.Evaluate(`(() => { const e = document.getElementById("from"); e.value = "0"; e.dispatchEvent(new Event("change")); })()`, nil))
	})
}

func TestField(t *testing.T) {
	b := open(t, desktop)
	b.centre("tiles")
	b.wait(`document.getElementById("field-status").textContent.includes(" from −2.70 to 2.70; the middle one reads as ")`)
	b.changes("tiles", func() { b.stroke("tiles", [2]float64{0, 0}, [2]float64{0.1, 0}, [2]float64{0.3, 0}) })
	b.changes("tiles", func() { b.click("zoom-in") })
	b.changes("tiles", func() { b.click("field-reset") })
	b.wait(`document.getElementById("field-status").textContent.includes(" from −2.70 to 2.70; ")`)
	b.focus("tiles") // without it the wheel scrolls the page
	x, y, _, _ := b.centre("tiles")
	b.do(chromedp.ActionFunc(func(ctx context.Context) error {
		return input.DispatchMouseEvent(input.MouseWheel, x, y).WithDeltaX(0).WithDeltaY(100).Do(ctx)
	}))
	b.wait(`/ from −3.4\d to 3.4\d; /.test(document.getElementById("field-status").textContent)`)
	b.changes("digit", func() { b.stroke("tiles", [2]float64{0.3, 0.3}) })
	b.changes("tiles", func() {
		b.do(chromedp.Evaluate(`(() => { const [x, y] = ["field-x", "field-y"].map(id => document.getElementById(id)); x.value = y.value; x.dispatchEvent(new Event("change")); })()`, nil))
	})
	if value[bool](b, `document.getElementById("field-x").value === document.getElementById("field-y").value`) {
		t.Error("both directions are one")
	}
}

// A finger draws, and two zoom the field.
func TestTouch(t *testing.T) {
	b := open(t, look{width: 360, height: 740, scheme: "light", touch: true})
	x, y, w, h := b.centre("paper")
	down := func(kind input.TouchType, points ...[2]float64) {
		var fingers []*input.TouchPoint
		for i, p := range points {
			fingers = append(fingers, &input.TouchPoint{X: x + p[0]*w, Y: y + p[1]*h, ID: float64(i + 1)})
		}
		b.do(input.DispatchTouchEvent(kind, fingers))
	}
	down(input.TouchStart, [2]float64{0, -0.35})
	for i := range 8 {
		down(input.TouchMove, [2]float64{0.01, -0.35 + 0.1*float64(i)})
	}
	down(input.TouchEnd)
	b.wait(`document.querySelectorAll("#bars .best").length === 1`)
	x, y, w, h = b.centre("tiles")
	b.wait(`document.getElementById("field-status").textContent.includes(" from −2.70 to 2.70;")`)
	b.changes("tiles", func() {
		down(input.TouchStart, [2]float64{-0.1, 0}, [2]float64{0.1, 0})
		for i := range 5 {
			gap := 0.1 + 0.05*float64(i)
			down(input.TouchMove, [2]float64{-gap, 0}, [2]float64{gap, 0})
		}
		down(input.TouchEnd)
	})
	b.wait(`document.getElementById("field-status").textContent.includes(" from −0.90 to 0.90;")`) // a third, about the same middle
}

// The keyboard alone reaches and does everything.
func TestKeyboard(t *testing.T) {
	b := open(t, desktop)
	reached := map[string]bool{}
	for range 90 {
		b.keys(kb.Tab)
		id := value[string](b, `document.activeElement.id || document.activeElement.name || document.activeElement.tagName`)
		if id == "BODY" { // behind the last
			break
		}
		reached[id] = true
		if !value[bool](b, `(() => { const s = getComputedStyle(document.activeElement.matches(".digits input") ? document.activeElement.nextElementSibling : document.activeElement); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; })()`) {
			t.Errorf("the focus on %s cannot be seen", id)
		}
	}
	for _, id := range strings.Fields(value[string](b, `[...document.querySelectorAll("button:enabled, select, input:not([type=radio]), canvas[tabindex]")].map(e => e.id).join(" ")`)) {
		if !reached[id] {
			t.Errorf("the Tab key does not reach %s", id)
		}
	}
	if !reached["digit"] {
		t.Error("the Tab key does not reach the digits")
	}
	b.focus("latent-4")
	b.changes("digit", func() { b.keys(strings.Repeat(kb.ArrowRight, 10)) })
	b.focus("another")
	b.changes("digit", func() { b.keys(kb.Enter) })

	b.focus("paper")
	b.keys(" " + strings.Repeat(kb.ArrowDown, 9) + " ")
	b.wait(`document.querySelectorAll("#bars .best").length === 1`)
	b.focus("play")
	b.changes("step", func() { b.keys(" ") })
	b.keys(" ")
	b.centre("tiles")
	b.wait(`document.getElementById("field-time").textContent.includes("ms")`)
	b.focus("tiles")
	for _, key := range []string{"+", "-", kb.ArrowLeft, kb.ArrowUp} {
		b.changes("tiles", func() { b.keys(key) })
	}
	b.changes("digit", func() { b.keys(kb.Enter) })
}

// What a screen reader is told: each control has a name, each picture a text.
func TestNames(t *testing.T) {
	b := open(t, desktop)
	unnamed := value[string](b, `[...document.querySelectorAll("button, select, input, canvas")].filter(e =>
		!(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim())).map(e => e.id).join(" ")`)
	if unnamed != "" {
		t.Errorf("without a name: %s", unnamed)
	}
	if n := value[int](b, `document.querySelectorAll("[role=status]").length`); n != 4 {
		t.Errorf("%d live regions, want one a part", n)
	}
	if v := value[string](b, `document.getElementById("latent-1").getAttribute("aria-valuetext")`); !strings.HasSuffix(v, " standard deviations") {
		t.Errorf("a slider says %q", v)
	}
}

func TestLooks(t *testing.T) {
	grounds := map[string]bool{}
	for name, l := range map[string]look{
		"desktop-light": desktop, "desktop-dark": {width: 1280, height: 900, scheme: "dark"},
		"phone-light": {width: 360, height: 740, scheme: "light", touch: true}, "phone-dark": {width: 360, height: 740, scheme: "dark", touch: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, l)
			b.stroke("paper", [2]float64{-0.25, -0.3}, [2]float64{0, -0.32}, [2]float64{0.25, -0.3}, [2]float64{0.1, 0}, [2]float64{-0.05, 0.35})
			b.wait(`document.querySelectorAll("#bars .best").length === 1`)
			b.centre("tiles")
			b.wait(`document.getElementById("field-time").textContent.includes("ms")`)
			if wide := value[[]int64](b, `[document.documentElement.scrollWidth, innerWidth]`); wide[0] > l.width || wide[1] != l.width {
				t.Errorf("the page is %d wide in a window of %d", wide[0], l.width)
			}
			if beyond := value[string](b, `[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.id || e.className || e.tagName).join(" ")`); beyond != "" {
				t.Errorf("beyond the right edge: %s", beyond)
			}
			grounds[l.scheme+" "+value[string](b, `getComputedStyle(document.body).backgroundColor`)] = true
			b.do(chromedp.Evaluate(`scrollTo({top: 0, behavior: "instant"})`, nil))
			b.picture(name)
		})
	}
	if len(grounds) != 2 || !grounds["light rgb(244, 245, 247)"] {
		t.Errorf("grounds %v, want a light and a dark one", grounds)
	}
}
