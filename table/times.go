// Times: the layouts that are known, and seconds since 1970.

package table

import (
	"math"
	"strings"
	"time"
)

// Layouts are those that Infer knows, in the order in which they are tried.
// Fractions of a second may follow the seconds.
func Layouts() []string {
	return []string{
		"2006-01-02 15:04:05",
		"2006-01-02T15:04:05",
		time.RFC3339,
		"2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04",
		"2006-01-02T15:04",
		time.DateOnly,
		"2006/01/02 15:04:05",
		"2006/01/02 15:04",
		"2006/01/02",
		"01/02/2006 15:04:05",
		"01/02/2006 15:04",
		"01/02/2006",
		"02/01/2006 15:04:05",
		"02/01/2006 15:04",
		"02/01/2006",
		"02.01.2006 15:04:05",
		"02.01.2006 15:04",
		"02.01.2006",
		time.TimeOnly,
		"15:04",
	}
}

// looksLikeTime is a quick look that keeps most texts from being parsed.
func looksLikeTime(text string) bool {
	return len(text) >= 5 && len(text) <= 40 && text[0] >= '0' && text[0] <= '9' && strings.ContainsAny(text[1:], "-/.:")
}

// parseTime reads a time as seconds since 1970 UTC, to a microsecond, and the
// number of digits of its fraction.
func parseTime(layout, text string) (seconds float64, decimals int, ok bool) {
	t, err := time.Parse(layout, text)
	if err != nil {
		return 0, 0, false
	}
	return float64(t.Unix()) + math.Round(float64(t.Nanosecond())/1e3)/1e6, fraction(text), true
}

// fraction is the number of digits behind the seconds.
func fraction(text string) int {
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return 0
	}
	p := strings.IndexByte(text[at:], '.')
	if p < 0 {
		return 0
	}
	n := 0
	for _, b := range []byte(text[at+p+1:]) {
		if b < '0' || b > '9' {
			break
		}
		n++
	}
	return min(n, 6)
}

// appendTime writes seconds since 1970 in UTC, as the nearest time of the layout:
// a value that rounding has put just below midnight is of the day that begins.
func appendTime(dst []byte, layout string, seconds float64, decimals int) []byte {
	if r := resolution(layout); decimals == 0 || r > 1 {
		seconds = r * math.Round(seconds/r)
	} else {
		seconds = roundTo(seconds, decimals)
	}
	whole := math.Floor(seconds)
	micro := math.Round((seconds - whole) * 1e6)
	const most = 1 << 40 // 36,000 years, which package time still writes
	whole = min(max(whole, -most), most)
	t := time.Unix(int64(whole), int64(micro)*1e3).UTC()
	if decimals > 0 {
		layout = strings.Replace(layout, "05", "05."+strings.Repeat("0", min(decimals, 6)), 1)
	}
	return t.AppendFormat(dst, layout)
}

// resolution is the number of seconds between two times of a layout.
func resolution(layout string) float64 {
	switch {
	case strings.Contains(layout, "05"):
		return 1
	case strings.Contains(layout, "04"):
		return 60
	case strings.Contains(layout, "15"):
		return 3600
	}
	return 86400
}

// timeSteps are the spacings that times may have, from the widest.
var timeSteps = []float64{86400, 3600, 60, 1, 1e-3}

// timeStep is the widest of timeSteps that gcd, in microseconds, is a multiple of;
// 0: there is none.
func timeStep(gcd int64) float64 {
	for _, s := range timeSteps {
		if gcd%int64(s*1e6) == 0 {
			return s
		}
	}
	return 0
}
