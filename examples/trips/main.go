// Command trips writes a table to try things on, as CSV: taxi trips of a town
// that does not exist, with numbers, money, words, times and missing cells.
//
//	go run ./examples/trips -n 3000 > trips.csv
package main

import (
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
)

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 3000, "rows")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	odd := flag.Bool("odd", false, "end with three trips that are odd")
	flag.Parse()
	if err := write(os.Stdout, *n, *seed, *odd); err != nil {
		log.Fatal(err)
	}
}

// write writes n trips. Distances are log-normal, minutes follow distance and
// the hour, fares the meter's steps of half a unit; most who pay in cash show no
// tip, and one rider in five gives no rating.
func write(w io.Writer, n int, seed uint64, odd bool) error {
	rng := rand.New(rand.NewPCG(seed, 0))
	out := csv.NewWriter(w)
	rows := [][]string{{"km", "minutes", "fare", "tip", "payment", "hour", "rating"}}
	for range n {
		hour := int(math.Mod(30+9+5*rng.NormFloat64(), 24))
		speed := 35.0 // km/h
		if hour >= 7 && hour < 10 || hour >= 16 && hour < 19 {
			speed = 18
		}
		km := math.Exp(1.2 + 0.7*rng.NormFloat64())
		minutes := 2 + km/speed*60*math.Exp(0.15*rng.NormFloat64())
		fare := math.Round(2*(3+1.4*km+0.3*minutes)) / 2
		payment, tip := "card", 0.0
		if rng.Float64() < 0.4 {
			payment = "cash"
		}
		if rng.Float64() < map[string]float64{"card": 0.8, "cash": 0.1}[payment] {
			tip = fare * (0.1 + 0.05*rng.NormFloat64())
		}
		rating := ""
		if rng.Float64() < 0.8 {
			rating = strconv.Itoa(5 - min(4, int(rng.ExpFloat64()*minutes/20)))
		}
		rows = append(rows, []string{
			fmt.Sprintf("%.2f", km), fmt.Sprintf("%.1f", minutes), fmt.Sprintf("%.2f", fare),
			fmt.Sprintf("%.2f", max(0, tip)), payment, strconv.Itoa(hour), rating,
		})
	}
	if odd {
		rows = append(rows,
			[]string{"12.00", "14.0", "6.50", "0.00", "card", "14", "5"}, // a long way for little
			[]string{"3.00", "9.5", "10.00", "25.00", "cash", "11", ""},  // a tip in cash beyond the fare
			[]string{"2.50", "65.0", "26.00", "2.60", "card", "13", "1"}) // an hour for a short way
	}
	return out.WriteAll(rows)
}
