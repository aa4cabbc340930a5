package protocol

import (
	"fmt"
	"log"
	"sort"
	"time"
)

// Reads measures a one-shot read and prints "first MS" and "warm MS", the median of 100.
func Reads(read func() error) {
	measure := func() float64 {
		start := time.Now()
		if err := read(); err != nil {
			log.Fatal(err)
		}
		return float64(time.Since(start).Nanoseconds()) / 1e6
	}
	fmt.Printf("first %f\n", measure())
	var times []float64
	for start := time.Now(); len(times) < 100 && time.Since(start) < 2*time.Second; {
		times = append(times, measure())
	}
	fmt.Printf("warm %f\n", median(times))
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return values[len(values)/2]
}
