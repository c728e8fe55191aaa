package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestFolder opens the page from a server of files alone: the model is computed
// in the browser, and all parts of the page work.
func TestFolder(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(folder)))
	defer server.Close()
	b := openAt(t, desktop, server.URL)
	if about := b.text("about"); !strings.HasPrefix(about, "model.safetensors: ") {
		t.Errorf("%q, want the model's name without the directories of the one who made the folder", about)
	}
	asked := b.asked()
	b.changes("digit", func() { b.click("another") })
	b.changes("digit", func() { b.stroke("latent-1", [2]float64{0, 0}, [2]float64{0.3, 0}) })
	b.stroke("paper", [2]float64{0, -0.35}, [2]float64{0.01, 0}, [2]float64{0, 0.35})
	b.wait(`document.querySelectorAll("#bars .best").length === 1`)
	b.changes("strip", func() { b.click("to-another") })
	b.centre("tiles")
	b.wait(`document.getElementById("field-time").textContent.includes("ms")`)
	if n := b.asked(); n != asked {
		t.Errorf("%d requests after the page was there: the server is to compute nothing", n-asked)
	}
	times := value[[]float64](b, `(async () => {
		const {ask} = await import("./page.js"), inside = [], here = [];
		for (let i = 0; i < 100; i++) {
			const a = await ask("digit", {digit: i % 10, seed: i, temperature: 0.8});
			inside.push(a.milliseconds);
			here.push(a.here);
		}
		return [inside, here].map(v => v.sort((a, b) => a - b)[50]);
	})()`)
	t.Logf("a digit and what the model says of it: %.1f ms in WebAssembly, on the page after %.1f ms (medians of 100)", times[0], times[1])
	t.Logf("%s; %s", b.text("field-time"), b.text("walk-time"))

	const question = `{digit: 3, seed: 5, temperature: 0.8}`
	answer := func(b *tab) (pixels string, density float64) {
		var a struct {
			Pixels  string
			Density float64 `json:"log_density"`
		}
		text := value[string](b, `import("./page.js").then(p => p.ask("digit", `+question+`)).then(JSON.stringify)`)
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			t.Fatal(err)
		}
		return a.Pixels, a.Density
	}
	here, density := answer(b)
	there, want := answer(open(t, desktop))
	if here == "" || len(here) != len(there) || density-want > 1e-3 || want-density > 1e-3 {
		t.Errorf("log-density %v and %d bytes of digit in the folder, %v and %d by serve", density, len(here), want, len(there))
	}
}

// A folder from which a file is missing says so on the page.
func TestFolderWithoutData(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/data.zip" {
			http.NotFound(w, r)
			return
		}
		http.FileServer(http.Dir(folder)).ServeHTTP(w, r)
	}))
	defer server.Close()
	b := visit(t, desktop, server.URL)
	b.wait(`document.getElementById("about").textContent.includes("data.zip: status 404; the folder is to be there")`)
}
